import type { Mac } from '../../agent/wire/address';
import { ETHERTYPE_ARP, readMac, readUint16 } from '../../agent/wire/ethernet';
import type { Question } from './card';
import type { Clock } from './clock';
import type { Host } from './host';
import { Violation } from './violation';

/** A question that has not been answered yet. */
interface Open extends Question {
  readonly at: number;
  /** nobody need answer it: the link was drained when it was asked, or before it can be expected to have been read */
  readonly optional: boolean;
}

/** An answer takes at most this many ms, beside the latency of the agent, where somebody is there to give it. */
const ANSWER_TIME = 20;

/** How long after a change of the wire or of a card one answer to each request can't be expected, in ms: paths are judged anew. */
const SETTLING = 500;

/** The rule that every request for an alias is answered once, by somebody who was there all the time. */
export class Questions {
  /** by host and the requester's address */
  private readonly questions = new Map<string, Map<Mac, Open[]>>();

  constructor(
    private readonly clock: Clock,
    /** the longest time from an event to an agent's taking it, in ms */
    private readonly latency: number,
  ) {}

  asked(host: Host, question: Question): void {
    const nobody = !question.byKernel && host.agent === undefined;
    if (nobody) return;
    const questions = this.questionsOf(host.name, question.requester);
    const optional = isWithheld(host, question.link) || this.isUnsettled(host) || this.holdsJoined(host);
    questions.push({ ...question, at: this.clock.now, optional });
  }

  /** A host has drained a link: what its agent has not read yet, it won't answer there. */
  drained(host: string, link: string): void {
    for (const [requester, questions] of this.questions.get(host) ?? []) {
      const waits = (question: Open) => question.link === link && !question.byKernel;
      const marked = questions.map((question) =>
        waits(question) ? { ...question, optional: true } : question,
      );
      this.questions.get(host)!.set(requester, marked);
    }
  }

  /** Nobody will answer what was left to this host's agent. */
  agentEnded(host: string): void {
    for (const [requester, questions] of this.questions.get(host) ?? []) {
      const byKernel = questions.filter((question) => question.byKernel);
      this.questions.get(host)!.set(requester, byKernel);
    }
  }

  /** A host sent a frame. */
  sent(host: Host, bytes: Uint8Array): void {
    const isReply = readUint16(bytes, 12) === ETHERTYPE_ARP && readUint16(bytes, 20) === 2;
    if (!isReply) return;
    const all = this.questionsOf(host.name, readMac(bytes, 0));
    const questions = all.filter((question) => !this.isForgone(host, question));
    this.questions.get(host.name)!.set(readMac(bytes, 0), questions);
    // An agent that stood still reads what the kernel has answered for a card that appeared meanwhile.
    const hasSlept = (host.agent?.runningSince ?? 0) > this.clock.now - SETTLING;
    // Nor does it know at once that somebody has taken the alias away, of which the kernel then has no question.
    const unaware = host.agent?.unrepaired === true;
    if (questions.length === 0 && (hasSlept || unaware || this.isUnsettled(host))) return;
    if (questions.length === 0)
      throw new Violation('answer-twice', this.clock.now, `${host.name} answers a request a second time`);
    const expected = questions.findIndex(({ optional }) => !optional);
    questions.splice(Math.max(0, expected), 1);
  }

  /** Looks for questions that should have been answered. */
  check(hosts: readonly Host[]): void {
    for (const host of hosts) {
      if (host.agent?.hindered) continue;
      for (const [requester, questions] of this.questions.get(host.name) ?? []) {
        const open = questions.filter((question) => this.isOpen(host, question));
        this.questions.get(host.name)!.set(requester, open);
      }
    }
  }

  /**
   * Whether a question was asked before its host's agent ran again, and would have been answered by now: what waited for long is not, nor what
   * the kernel was to answer by what the agent knew then.
   */
  private isForgone({ agent }: Host, { at, byKernel }: Open): boolean {
    const since = agent?.runningSince ?? 0;
    return !byKernel && at < since && this.clock.now - since > this.latency;
  }

  /** Whether a question may still be answered; fails where it should have been. */
  private isOpen(host: Host, { at, link, byKernel, optional }: Open): boolean {
    const { now } = this.clock;
    if (now - at < ANSWER_TIME + this.latency) return true;
    if (optional) return false;
    const card = host.links.find(({ name }) => name === link)!;
    const answerable = byKernel || (host.agent?.runningSince ?? Number.POSITIVE_INFINITY) < at;
    if (card.changedAt < at && answerable)
      throw new Violation(
        'answer-missing',
        now,
        `${host.name} left a request on ${link} without an answer since ${at.toFixed(3)}`,
      );
    return false;
  }

  /**
   * Whether one request may be answered by nobody or twice: on joined planes it arrives by every card, but may get lost on the way to the one
   * that is to answer, and until the agent knows it the kernel answers all; where a card has just appeared, its settings are still to be made.
   */
  private isUnsettled({ links }: Host): boolean {
    const from = this.clock.now - SETTLING;
    return links.some(({ changedAt, port: { backplane } }) => {
      return backplane.isJoined || backplane.changedAt > from || changedAt > from;
    });
  }

  /**
   * Whether the agent holds the planes for joined, as it does for a while after they were parted: a path that is down may have learned there
   * the card of another plane, and answers none but that. Another path leads to that peer then, or it would answer.
   */
  private holdsJoined({ agent }: Host): boolean {
    return agent?.core.planesJoined(this.clock.now) === true;
  }

  private questionsOf(name: string, requester: Mac): Open[] {
    const byRequester = this.questions.get(name) ?? new Map<Mac, Open[]>();
    this.questions.set(name, byRequester);
    const questions = byRequester.get(requester) ?? [];
    byRequester.set(requester, questions);
    return questions;
  }
}

function isWithheld(host: Host, link: string): boolean {
  return host.links.some((card) => card.name === link && host.isWithheld(card));
}
