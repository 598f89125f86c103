import { Core } from '../../agent/core/core';
import type { Actions, CoreEvent, Note, ReceivedFrame } from '../../agent/core/event';
import type { KernelStep, Neighbor } from '../../agent/core/routing';
import type { Topology } from '../../agent/core/topology';
import type { Mac } from '../../agent/wire/address';
import { type BeaconFrame, decodeBeacon } from '../../agent/wire/beacon';
import { ETHERTYPE_ARP, readUint16 } from '../../agent/wire/ethernet';
import type { CoreMaker } from './agent';

/** An address that no card has. */
const NOBODY = 0x02bad0000009 as Mac;

/** Changes what a core wants at `now` ms of its host because of an event, which is undefined for its start. */
type Change = (actions: Actions, event: CoreEvent | undefined, now: number) => Actions;

/** A core with one thing changed in what it wants. */
export function broken(change: Change): CoreMaker {
  return brokenEach(() => change);
}

/** The same for a change that remembers something, made anew for each core. */
export function brokenEach(make: () => Change): CoreMaker {
  return (topology, now, epoch, seal) => {
    const core = new Core(topology, now, epoch, seal);
    const change = make();
    const [start, handle] = [core.start.bind(core), core.handle.bind(core)];
    core.start = (links, table, at) => change(start(links, table, at), undefined, at);
    core.handle = (event, at) => change(handle(event, at), event, at);
    return core;
  };
}

/** A core that carries out no step of some kind. */
export function omitting(isOmitted: (step: KernelStep) => boolean): CoreMaker {
  return broken((actions) => without(actions, isOmitted));
}

/** Whether a core never hears a frame; `now` is the time since its start, in ms. */
type Deafness = (frame: ReceivedFrame, link: string, now: number) => boolean;

/** A core to which some of the received frames never come; made anew for each core, by the name of its host. */
export function deaf(make: (host: string) => Deafness): CoreMaker {
  return (topology, now, epoch, seal) => {
    const core = new Core(topology, now, epoch, seal);
    const handle = core.handle.bind(core);
    const isMissed = make(topology.host);
    const hear = (event: CoreEvent, at: number): CoreEvent => {
      if (event.type === 'batch') return { ...event, events: event.events.map((each) => hear(each, at)) };
      if (event.type !== 'frames') return event;
      return { ...event, frames: event.frames.filter((frame) => !isMissed(frame, event.link, at - now)) };
    };
    core.handle = (event, at) => handle(hear(event, at), at);
    return core;
  };
}

/** A core that decides by another file than the one that it was given. */
export function misled(change: (topology: Topology) => Topology): CoreMaker {
  return (topology, now, epoch, seal) => {
    const core = new Core(change(topology), now, epoch, seal);
    Object.defineProperty(core, 'topology', { value: topology });
    return core;
  };
}

/** A core that is changed in some other way after it is made. */
export function altered(change: (core: Core) => void): CoreMaker {
  return (topology, now, epoch, seal) => {
    const core = new Core(topology, now, epoch, seal);
    change(core);
    return core;
  };
}

/** The same actions but for some steps. */
export function without(actions: Actions, isOmitted: (step: KernelStep) => boolean): Actions {
  return { ...actions, steps: actions.steps.filter((step) => !isOmitted(step)) };
}

/** Whether something is told, of one cause where that is given. */
export function tells({ notes }: Actions, event: string, cause?: Note['fields'][string]): boolean {
  return notes.some((note) => note.event === event && (cause === undefined || note.fields.cause === cause));
}

export const isArp = (bytes: Uint8Array) => readUint16(bytes, 12) === ETHERTYPE_ARP;
export const isArpReply = (bytes: Uint8Array) => isArp(bytes) && readUint16(bytes, 20) === 2;

export function beaconOf(bytes: Uint8Array): BeaconFrame | undefined {
  const decoded = decodeBeacon(bytes);
  return typeof decoded === 'string' ? undefined : decoded;
}

export const addsRoute = ({ operation }: KernelStep) => operation === 'add-route';
export const removesRoute = ({ operation }: KernelStep) => operation === 'remove-route';

/** Cores that take no route out where they tell that a path is down, for one cause or for any. */
export function keepingRoutes(cause?: string): CoreMaker {
  return broken((actions) => (tells(actions, 'path-down', cause) ? without(actions, removesRoute) : actions));
}

/** Cores that set no route again by a link from which they once took one. */
export function neverBack(): CoreMaker {
  return brokenEach(() => {
    const left = new Set<number>();
    return (actions) => {
      const kept = without(actions, (step) => step.operation === 'add-route' && left.has(step.route.device));
      for (const step of actions.steps) if (step.operation === 'remove-route') left.add(step.route.device);
      return kept;
    };
  });
}

/** Cores that set each neighbor entry once alone. */
export function neverReplacing(): CoreMaker {
  return brokenEach(() => {
    const known = new Set<string>();
    return (actions) =>
      without(actions, (step) => {
        if (step.operation !== 'set-neighbor') return false;
        const place = `${step.neighbor.device} ${step.neighbor.address}`;
        const isKnown = known.has(place);
        known.add(place);
        return isKnown;
      });
  });
}

/** Cores that point the entry of the first link at nobody for 2 ms, each 100 ms. */
export function blinking(): CoreMaker {
  return brokenEach(() => {
    let entry: Neighbor | undefined;
    let [turnedAt, isWrong] = [Number.NEGATIVE_INFINITY, false];
    return (actions, _, now) => {
      for (const step of actions.steps) if (step.operation === 'set-neighbor') entry ??= step.neighbor;
      if (entry === undefined || now - turnedAt < (isWrong ? 2 : 100)) return actions;
      [turnedAt, isWrong] = [now, !isWrong];
      const neighbor = isWrong ? { ...entry, mac: NOBODY } : entry;
      return { ...actions, steps: [...actions.steps, { operation: 'set-neighbor', neighbor }] };
    };
  });
}

/** Cores that take the beacons of one run of each host alone. */
export function loyal(): CoreMaker {
  return deaf(() => {
    const epochs = new Map<string, number>();
    return ({ bytes }) => {
      const said = beaconOf(bytes);
      if (said === undefined) return false;
      if (!epochs.has(said.host)) epochs.set(said.host, said.epoch);
      return epochs.get(said.host) !== said.epoch;
    };
  });
}

/** Cores that remember every event. */
export function hoarding(): CoreMaker {
  return altered((core) => {
    const events: CoreEvent[] = [];
    const handle = Object.assign(core, { events }).handle.bind(core);
    core.handle = (event, now) => {
      events.push(event);
      return handle(event, now);
    };
  });
}

/** Cores that want to be woken so often, in ms. */
export function restless(interval: number): CoreMaker {
  return altered((core) => {
    let next = 0;
    const handle = core.handle.bind(core);
    core.handle = (event, now) => {
      if (now >= next) next = now + interval;
      return handle(event, now);
    };
    const wanted = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(core), 'wakeAt')!.get!;
    Object.defineProperty(core, 'wakeAt', { get: () => Math.min(next, wanted.call(core)) });
  });
}

/** Every `nth` time something is asked. */
export function each(nth: number): () => boolean {
  let count = 0;
  return () => ++count % nth === 0;
}
