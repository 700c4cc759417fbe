/**
 * Cases in the TAP format, as lib.sh prints them; test_clients.sh numbers them.
 *
 *   it(NAME, FUNCTION)   a case: fails when the function, which may be async, throws
 *   run(END)             all of them, one after the other, then END; sets the exit status
 */
'use strict';

const cases = [];

function it(name, test) {
  cases.push({ name, test });
}

/** What went wrong, and the lines of these files that led there. */
function explain(error) {
  const frames = (error.stack || '').split('\n').filter((line) => /^ +at /.test(line) &&
    line.includes(__dirname) && !line.includes(__filename));
  return [error.message || String(error), ...frames].join('\n')
    .replaceAll(`${__dirname}/`, '').replace(/^/gm, '#   ');
}

async function run(end) {
  let failed = 0;

  for (const { name, test } of cases) {
    try {
      await test();
      console.log(`ok - ${name}`);
    } catch (error) {
      failed++;
      console.log(`# ${name}\n${explain(error)}\nnot ok - ${name}`);
    }
  }
  if (end) await end();
  // A socket or a timer that a client's library keeps must not hold the test.
  process.exit(failed || !cases.length ? 1 : 0);
}

module.exports = { it, run };
