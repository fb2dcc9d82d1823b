// Reads *.test files: records separated by blank lines, conditions and loops taken out.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

function parse(text) {
  const records = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length;) {
    while (i < lines.length && (lines[i].trim() === '' || lines[i].startsWith('#'))) i++;
    if (i >= lines.length) break;
    const record = { line: i + 1, head: lines[i].trim(), body: [], expected: null };
    i++;
    while (i < lines.length && lines[i].trim() !== '') {
      if (lines[i].trim() === '----') {
        record.expected = [];
        i++;
        while (i < lines.length && lines[i].trim() !== '') record.expected.push(lines[i++].replace(/\r$/, ''));
        break;
      }
      if (!lines[i].startsWith('#')) record.body.push(lines[i].replace(/\r$/, ''));
      i++;
    }
    record.words = record.head.split(/\s+/);
    records.push(record);
  }
  return records;
}

// skipif and onlyif stand in front of a record without a blank line between.
function withConditions(records) {
  const kept = [];
  for (const record of records) {
    let { words, body } = record;
    let skip = false;
    while (words[0] === 'skipif' || words[0] === 'onlyif') {
      const ours = words[1] === 'kalamdb' || words[1] === 'duckdb';
      if ((words[0] === 'skipif') === ours) skip = true;
      const next = body.shift();
      if (next === undefined) break;
      words = next.trim().split(/\s+/);
    }
    if (!skip && words[0] !== 'skipif' && words[0] !== 'onlyif') kept.push({ ...record, words, body });
  }
  return kept;
}

function expandLoops(records) {
  const out = [];
  for (let i = 0; i < records.length; i++) {
    if (records[i].words[0] !== 'loop') { out.push(records[i]); continue; }
    const [, name, from, to] = records[i].words;
    let depth = 1;
    let end = i + 1;
    for (; depth > 0; end++) {
      if (!records[end]) throw new Error(`line ${records[i].line}: loop without endloop`);
      if (records[end].words[0] === 'loop') depth++;
      if (records[end].words[0] === 'endloop') depth--;
    }
    const inner = records.slice(i + 1, end - 1);
    for (let n = Number(from); n < Number(to); n++) {
      const put = (s) => s.replaceAll(`\${${name}}`, String(n));
      out.push(...expandLoops(inner.map((r) => ({ ...r, words: r.words.map(put), body: r.body.map(put), expected: r.expected?.map(put) ?? null }))));
    }
    i = end - 1;
  }
  return out;
}

// A file cut into x.test.part1, x.test.part2 … is read as one.
function textOf(file) {
  if (!file.endsWith('.part1')) return readFileSync(file, 'utf8');
  let text = '';
  for (let n = 1; existsSync(file.replace(/1$/, String(n))); n++) text += readFileSync(file.replace(/1$/, String(n)), 'utf8');
  return text;
}

export function recordsOf(file) { return expandLoops(withConditions(parse(textOf(file)))); }

// The texts of all statements in a file or below a folder: what random tests start from.
export function statementsOf(place) {
  if (statSync(place).isDirectory()) return readdirSync(place).sort().flatMap((name) => statementsOf(path.join(place, name)));
  return place.endsWith('.test') ? recordsOf(place).filter((record) => ['statement', 'query', 'subscribe'].includes(record.words[0])).map((record) => record.body.join('\n')) : [];
}
