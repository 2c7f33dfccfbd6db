// Chromium of the system without a window, for end-to-end tests: starting it, pages that remember what went wrong on
// them, accessibility, pictures.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const sizes = {
  desktop: { width: 1280, height: 800, deviceScaleFactor: 1, isMobile: false, hasTouch: false },
  phone: { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  narrow: { width: 320, height: 640, deviceScaleFactor: 1, isMobile: true, hasTouch: true },
};

// Where Chromium is, or undefined. TOWER_AUTH_CHROMIUM says it; else the usual places are looked at.
export function findChromium() {
  const named = process.env.TOWER_AUTH_CHROMIUM;
  const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return (named ? [named] : places).find((path) => existsSync(path));
}

// Ends the process with a line that says so if there is no Chromium: status 0, or 1 where nothing may be skipped.
export function requireChromium() {
  const path = findChromium();
  if (path) return path;
  console.log('skipped: Chromium is missing (Debian: apt-get install chromium)');
  process.exit(process.env.TOWER_AUTH_REQUIRE ? 1 : 0);
}

export async function launch(options = {}) {
  const isRoot = process.getuid?.() === 0;
  const args = ['--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb', ...(isRoot ? ['--no-sandbox'] : [])];
  return puppeteer.launch({ executablePath: requireChromium(), headless: true, ...options, args: [...args, ...(options.args ?? [])] });
}

// A page of its own kind of window. `problems` fills with what the console, the content security policy and failed
// scripts say; a test ends with it empty.
export async function newPage(context, { size = 'desktop', scheme = 'light', javascript = true, reducedMotion = true } = {}) {
  const page = await context.newPage();
  const problems = [];
  watch(page, problems);
  await page.setViewport(sizes[size]);
  await page.setJavaScriptEnabled(javascript);
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: scheme },
    { name: 'prefers-reduced-motion', value: reducedMotion ? 'reduce' : 'no-preference' },
  ]);
  return { page, problems };
}

// Also for pop-ups, which come with the event `popup` of a page.
export function watch(page, problems) {
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    // A navigation that another one replaces, and a blocked one that the console tells of.
    if (reason !== 'net::ERR_ABORTED') problems.push(`request: ${request.url()}: ${reason}`);
  });
}

// The serious and critical violations of WCAG 2.2 A and AA and of good practice. axe is put in by the debugger, so the
// policy of the page stays as it is.
export async function axe(page) {
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const results = await globalThis.axe.run(document, { runOnly: { type: 'tag', values: tags } });
    return results.violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`) }));
  });
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
}

export async function screenshot(page, path, { full = true } = {}) {
  await page.screenshot({ path, fullPage: full });
}

// What is wider than the window, and what can be touched but is smaller than 44 CSS pixels (24 for links in text, which WCAG 2.2
// leaves out).
export async function layoutProblems(page) {
  return page.evaluate(() => {
    const problems = [];
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) {
      const wide = [...document.querySelectorAll('body *')].find((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
      problems.push(`wider than the window: ${wide?.outerHTML.slice(0, 120)}`);
    }
    for (const node of document.querySelectorAll('button, input:not([type=hidden], [type=checkbox]), select, textarea, summary, a.button, nav a')) {
      const { height, width } = node.getBoundingClientRect();
      if (width > 0 && height > 0 && height < 43.5) problems.push(`only ${height} px high: ${node.outerHTML.slice(0, 120)}`);
    }
    return problems;
  });
}
