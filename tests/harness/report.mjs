// The last line of a stage, which ./dev test adds up: RESULT <passed> <failed>.
export function report(passed, failed) {
  console.log(`RESULT ${passed} ${failed}`);
  process.exitCode = failed === 0 ? 0 : 1;
}

// A random source that a seed repeats exactly (mulberry32).
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)], seed };
}
