/** A frame for a capture file. */
export interface PcapFrame {
  /** ISO 8601 */
  readonly at: string;
  readonly bytes: Uint8Array;
  /** how long it was on the wire, where not all of it was captured */
  readonly length?: number;
}

/** A capture file of frames (libpcap's format, version 2.4, Ethernet). */
export function pcap(frames: readonly PcapFrame[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.map(({ at, bytes, length = bytes.length }) => {
    const record = Buffer.alloc(16);
    const ms = Date.parse(at);
    record.writeUInt32LE(Math.floor(ms / 1000), 0);
    record.writeUInt32LE((ms % 1000) * 1000, 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(length, 12);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([header, ...records]);
}
