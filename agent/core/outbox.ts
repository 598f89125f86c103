import type { Actions, Echo, Note, Screen, Send } from './event';
import type { KernelStep } from './routing';

/** Collects what one event leads to. */
export class Outbox {
  private hints: Send[] = [];
  private steps: KernelStep[] = [];
  private sends: Send[] = [];
  private echoes: Echo[] = [];
  private screens: Screen[] = [];
  private notes: Note[] = [];

  hint(link: string, frame: Uint8Array): void {
    this.hints.push({ link, frame });
  }

  plan(steps: readonly KernelStep[]): void {
    this.steps.push(...steps);
  }

  send(link: string, frame: Uint8Array): void {
    this.sends.push({ link, frame });
  }

  echo(echo: Echo): void {
    this.echoes.push(echo);
  }

  screen(screen: Screen): void {
    this.screens.push(screen);
  }

  note(
    event: string,
    fields: Readonly<Record<string, unknown>>,
    level: Note['level'] = 'info',
    causedAt?: number,
  ): void {
    this.notes.push(causedAt === undefined ? { event, level, fields } : { event, level, fields, causedAt });
  }

  /** Takes what there is to tell, if anything. */
  tell(note: Note | undefined): void {
    if (note !== undefined) this.notes.push(note);
  }

  /** Everything collected since the last call. */
  take(): Actions {
    const { hints, steps, sends, echoes, screens, notes } = this;
    this.hints = [];
    this.steps = [];
    this.sends = [];
    this.echoes = [];
    this.screens = [];
    this.notes = [];
    return { hints, steps, sends, echoes, screens, notes };
  }
}
