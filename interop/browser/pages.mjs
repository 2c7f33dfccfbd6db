// Opens written pages of the connect flow under their real policy: on a desktop and a telephone, light and dark. axe must
// find nothing serious, the console must stay empty, nothing may be wider than the window.
//
//   node pages.mjs FOLDER [PICTURES] [NAME...]
//
// A name is that of a page, or `behaviour`.
//
// FOLDER is what the test `pages_hold_in_a_browser` writes with TOWER_AUTH_PAGES; pictures are taken if there is a
// folder for them.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { axe, launch, layoutProblems, newPage, requireChromium, screenshot } from './driver.mjs';
import { serve } from './serve.mjs';
import { behaviour } from './behaviour.mjs';

const [folder, pictures, ...only] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node pages.mjs FOLDER [PICTURES] [NAME...]');
  process.exit(2);
}
requireChromium();
if (pictures) mkdirSync(pictures, { recursive: true });

const names = readdirSync(folder).filter((name) => name.endsWith('.html')).map((name) => name.slice(0, -5)).sort()
  .filter((name) => only.length === 0 || only.includes(name));
const { origin, close } = await serve(folder);
const browser = await launch();
const failures = [];
const fail = (where, what) => failures.push(`${where}: ${what}`);
let checks = 0;
const logo = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><circle cx="14" cy="14" r="12" fill="#0061d5"/></svg>';

try {
  for (const size of ['desktop', 'phone', 'narrow']) {
    // Colours do not depend on the size, so the dark ones are looked at once; for pictures, on a telephone too.
    for (const scheme of size === 'desktop' || (pictures && size === 'phone') ? ['light', 'dark'] : ['light']) {
      const { page, problems } = await newPage(browser, { size, scheme });
      // Pictures of connectors come from elsewhere; no test goes there.
      await page.setRequestInterception(true);
      page.on('request', (request) => (request.url().startsWith(origin) ? request.continue() : request.respond({ status: 200, contentType: 'image/svg+xml', body: logo })));
      // Hostile pages differ in their texts only, the narrow size in its layout only.
      const some = names.filter((name) => scheme === 'light' || !name.startsWith('hostile-'));
      for (const name of some) {
        const where = `${name} (${size}, ${scheme})`;
        await page.goto(`${origin}/connect/${name}`);
        for (const problem of await layoutProblems(page)) fail(where, problem);
        if (size !== 'narrow' && !name.startsWith('hostile-')) {
          // Folded parts have colours too.
          await page.evaluate(() => document.querySelectorAll('details:not([data-menu])').forEach((each) => { each.open = true; }));
          for (const { id, help, nodes } of await axe(page)) fail(where, `${id}: ${help}\n    ${nodes.join('\n    ')}`);
          if (pictures) await screenshot(page, join(pictures, `${name}-${size}-${scheme}.png`));
        }
        checks += 1;
        for (const problem of problems.splice(0)) fail(where, problem);
      }
      await page.close();
    }
  }
  if (only.length === 0 || only.includes('behaviour')) checks += await behaviour(browser, origin, fail);
} finally {
  await browser.close();
  await close();
}
for (const failure of failures) console.log(`FAIL ${failure}`);
console.log(failures.length === 0 ? `all passed: ${checks} checks` : `${failures.length} failures`);
process.exitCode = failures.length === 0 ? 0 : 1;
