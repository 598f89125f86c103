{
  'targets': [
    {
      'target_name': 'multihomed_native',
      'sources': [
        'src/addon.cc',
        'src/datagram.cc',
        'src/echo_filter.cc',
        'src/netlink_socket.cc',
        'src/packet_filter.cc',
        'src/packet_options.cc',
        'src/packet_ring.cc',
        'src/packet_socket.cc',
        'src/poller.cc',
        'src/timer.cc',
      ],
      # Node-API 8 is what Node 20, 24 and later all have: one build serves them all.
      'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
      'cflags': ['-Wall', '-Wextra', '-Wunused-parameter'],
      'cflags_cc!': ['-fno-exceptions', '-std=gnu++20'],
      'cflags_cc': [
        '-std=gnu++17',
        '-fexceptions',
        '-fvisibility=hidden',
        # A system header: its warnings are not ours. The path is relative to the build directory, where make runs.
        '-isystem <!(node -p "require(\'node:path\').relative(\'build\', require(\'node:path\').dirname(require.resolve(\'node-addon-api/package.json\')))")',
      ],
    },
  ],
}
