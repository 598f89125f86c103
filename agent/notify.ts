import { sendDatagram } from '../native-bindings/datagram';

/**
 * Tells the service manager of a state, such as `READY=1`, where it asked for that (sd_notify(3)). A manager that is gone is no reason
 * to stop: the datagram is lost.
 */
export function notifyServiceManager(state: string): void {
  const path = process.env.NOTIFY_SOCKET;
  if (path !== undefined && path !== '') sendDatagram(path, state);
}
