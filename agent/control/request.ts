import type { ErrorCode, Request } from './protocol';

/** Events that are kept for clients that come later; also the most that one can ask for. */
export const KEPT_EVENTS = 1000;

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

function bad(message: string): Refusal {
  return { code: 'bad-request', message };
}
