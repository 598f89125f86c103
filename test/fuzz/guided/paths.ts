import { join } from 'node:path';
import { packageRoot } from '../../../native-bindings/package-root';

export const ROOT = packageRoot(__dirname);
/** The inputs that are kept, a directory for each target. */
export const CORPUS = join(ROOT, 'test', 'fuzz', 'corpus');
/** What build.sh makes. */
export const BUILT = join(ROOT, 'dist', 'fuzz');
