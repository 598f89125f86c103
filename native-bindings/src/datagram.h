#ifndef MULTIHOMED_DATAGRAM_H_
#define MULTIHOMED_DATAGRAM_H_

#include <napi.h>

namespace multihomed {

// sendDatagram(path: string, text: string): number. One datagram to a Unix socket, without waiting; `@` or NUL first in the path
// stands for the abstract namespace, as in sd_notify(3). 0, or the negative errno.
Napi::Value SendDatagram(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif  // MULTIHOMED_DATAGRAM_H_
