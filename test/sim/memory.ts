/** How many entries the maps, sets and lists hold that can be reached from some object, by class and property, such as `Registry.paths`. */
export function countEntries(root: object): Map<string, number> {
  const counts = new Map<string, number>();
  const seen = new Set<object>();
  const waiting: [name: string, value: object][] = [['', root]];
  const reach = (name: string, value: unknown) => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    waiting.push([name, value]);
  };
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [name, value] = next;
    const elements = elementsOf(value);
    if (elements === undefined) {
      for (const [key, property] of Object.entries(value))
        reach(`${value.constructor.name}.${key}`, property);
      continue;
    }
    counts.set(name, (counts.get(name) ?? 0) + elements.length);
    for (const element of elements) reach(name, element);
  }
  return counts;
}

/** What a collection holds, keys and values; undefined for what is none. Bytes are no entries. */
function elementsOf(value: object): readonly unknown[] | undefined {
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set || Array.isArray(value)) return [...value];
  return ArrayBuffer.isView(value) ? [] : undefined;
}
