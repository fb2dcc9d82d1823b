// What lies in a data directory.
import { readdirSync } from 'node:fs';
import path from 'node:path';

export function parquetFiles(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(dir, entry.name);
    return entry.isDirectory() ? parquetFiles(full) : entry.name.endsWith('.parquet') ? [full] : [];
  });
}
