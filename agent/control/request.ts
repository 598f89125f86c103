import type { ErrorCode, Request } from './protocol';

/** Events that are kept for clients that come later; also the most that one can ask for. */
export const KEPT_EVENTS = 1000;

/** The longest that a link can be drained for, in ms: a year. What is meant for longer is taken out of the file. */
export const LONGEST_DRAIN = 365 * 24 * 3_600_000;

/** Why a line is no request, as the answer says it. */
export interface Refusal {
  readonly code: Extract<ErrorCode, 'bad-request' | 'unknown-command'>;
  readonly message: string;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The request in one line, or why there is none. Unknown fields are ignored, so that a newer client can talk to an older
 * daemon; a known field of a wrong type is refused.
 */
export function parseRequest(line: string): Request | Refusal {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return bad('the line is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad('the line is not a JSON object');
  const fields = value as Fields;
  switch (fields.command) {
    case 'status':
    case 'routes':
    case 'reload':
    case 'teardown':
      return { command: fields.command };
    case 'events':
      return parseEvents(fields);
    case 'wait':
      return parseWait(fields);
    case 'drain':
      return parseDrain(fields);
    case 'undrain':
      return typeof fields.target === 'string'
        ? { command: 'undrain', target: fields.target }
        : bad("'target' is not a text");
    default:
      return typeof fields.command === 'string'
        ? { code: 'unknown-command', message: 'this daemon does not know that command' }
        : bad("'command' is not a text");
  }
}

function parseEvents({ last = KEPT_EVENTS, follow = false }: Fields): Request | Refusal {
  if (typeof last !== 'number' || !Number.isInteger(last) || last < 0)
    return bad("'last' is not a whole number from 0 on");
  if (typeof follow !== 'boolean') return bad("'follow' is neither true nor false");
  return { command: 'events', last, follow };
}

function parseWait({ peer }: Fields): Request | Refusal {
  if (peer === undefined) return { command: 'wait' };
  return typeof peer === 'string' ? { command: 'wait', peer } : bad("'peer' is not a text");
}

function parseDrain({ target, for: time, force = false }: Fields): Request | Refusal {
  if (typeof target !== 'string') return bad("'target' is not a text");
  if (typeof force !== 'boolean') return bad("'force' is neither true nor false");
  if (time === undefined) return { command: 'drain', target, force };
  if (typeof time !== 'number' || !(time > 0 && time <= LONGEST_DRAIN))
    return bad(`'for' is not a number of ms above 0, up to ${LONGEST_DRAIN}`);
  return { command: 'drain', target, for: time, force };
}

function bad(message: string): Refusal {
  return { code: 'bad-request', message };
}
