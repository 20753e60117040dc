// bench_scan.mjs - the exact scan beside sqlite-vec (float), in turns on one core.
//
//   npm install sqlite-vec better-sqlite3		in any folder
//   NODE_MODULES=that/node_modules taskset -c 1 node bench_scan.mjs SET INDEX WORK [turns] [queries]
//
// INDEX is bench_ann's (`flat` or `build`), beside which bench_ann is looked for in $BENCH_ANN.
// WORK takes sqlite-vec's database.  Queries per CPU second of either process, k = 10;
// prints each turn, then the medians and the ratios' median, lowest and highest.
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const require = createRequire(path.resolve(process.env.NODE_MODULES ?? 'node_modules', 'x.js'));
const [set, index, work, turns = '5', queries = '20'] = process.argv.slice(2);
const K = 10;

function readVecs(file, Type) {
  const raw = fs.readFileSync(file);
  const dim = raw.readInt32LE(0), rows = raw.length / (4 * (dim + 1));
  const all = new Type(raw.buffer, raw.byteOffset, raw.length / 4);
  return { rows, dim, row: (i) => all.subarray(i * (dim + 1) + 1, (i + 1) * (dim + 1)) };
}
const query = readVecs(path.join(set, 'query.fvecs'), Float32Array);
const truth = readVecs(path.join(set, 'gt.ivecs'), Int32Array);
const metric = JSON.parse(fs.readFileSync(path.join(set, 'meta.json'))).metric;
const blob = (v) => Buffer.from(v.buffer, v.byteOffset, v.byteLength);
const cpuSeconds = () => { const c = process.cpuUsage(); return (c.user + c.system) / 1e6; };
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function openVec() {
  const Database = require('better-sqlite3');
  const file = path.join(work, `vec-${path.basename(set)}.db`), isNew = !fs.existsSync(file);
  const db = new Database(file);
  require('sqlite-vec').load(db);
  db.pragma('cache_size=-2000000');
  db.pragma('mmap_size=2000000000');
  if (isNew) {
    const base = readVecs(path.join(set, 'base.fvecs'), Float32Array);
    db.exec(`create virtual table v using vec0(e float[${base.dim}]
      distance_metric=${metric === 'ip' ? 'cosine' : 'l2'})`);
    const put = db.prepare('insert into v(rowid, e) values (?, ?)');
    db.transaction(() => {
      for (let i = 0; i < base.rows; i++) put.run(BigInt(i), blob(base.row(i)));
    })();
  }
  return db.prepare(`select rowid id from v where e match ? and k = ${K}`);
}

function vecTurn(select, n) {
  let hits = 0;
  const start = cpuSeconds();
  for (let q = 0; q < n; q++) {
    const ids = new Set(select.all(blob(query.row(q))).map((r) => Number(r.id)));
    for (const id of truth.row(q).subarray(0, K)) hits += ids.has(id) ? 1 : 0;
  }
  return { qps: n / (cpuSeconds() - start), recall: hits / n / K };
}

function ourTurn() {
  const run = spawnSync(process.env.BENCH_ANN ?? 'bench/bench_ann', [set, 'scan', index]);
  return JSON.parse(run.stdout.toString().split('\n')[0]);
}

const select = openVec(), pairs = [];
vecTurn(select, 3);
ourTurn();
for (let turn = 0; turn < Number(turns); turn++) {
  const vec = vecTurn(select, Number(queries)), ours = ourTurn();
  pairs.push({ vec, ours, ratio: ours.qps / vec.qps });
  console.log(JSON.stringify({ turn, sqlite_vec: +vec.qps.toFixed(2), ragpool: ours.qps,
    ratio: +(ours.qps / vec.qps).toFixed(1), gb_s: ours.gb_s }));
}
const ratios = pairs.map((p) => p.ratio);
console.log(JSON.stringify({
  set: path.basename(set), sqlite_vec: +median(pairs.map((p) => p.vec.qps)).toFixed(2),
  ragpool: median(pairs.map((p) => p.ours.qps)), ratio: +median(ratios).toFixed(1),
  lowest: +Math.min(...ratios).toFixed(1), highest: +Math.max(...ratios).toFixed(1),
  recall: { sqlite_vec: pairs[0].vec.recall, ragpool: pairs[0].ours.recall },
  gb_s: median(pairs.map((p) => p.ours.gb_s)), exact_read: pairs[0].ours.exact,
}));
