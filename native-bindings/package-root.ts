import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory of this package, seen from a directory in its source tree or in its `dist`. */
export function packageRoot(from: string): string {
  let root = from;
  while (!existsSync(join(root, 'package.json')) && dirname(root) !== root) root = dirname(root);
  return root;
}
