// The connect page in a window or a frame of an application: who is told what came of it, who may frame it, and a provider
// of another site that answers in a form. `embedding.mjs PAGES API_KEY NEAR FAR STRANGER PICTURES`
//
// PAGES/open/near and /far lead to the page for a session that tells that application, PAGES/open/closed to one that nobody
// may frame. NEAR is of the same site as the page and may frame it, FAR is of another, STRANGER is nobody's application.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { axe, launch, layoutProblems, newPage, screenshot, watch } from './driver.mjs';

const [pages, apiKey, near, far, stranger, pictures] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const browser = await launch();
let checks = 0;
let failures = 0;

function is(condition, what) {
  checks += 1;
  if (!condition) {
    failures += 1;
    console.log(`FAILED: ${what}`);
  }
}

async function step(name, body, options) {
  const before = failures;
  const context = await browser.createBrowserContext();
  const { page, problems } = await newPage(context, options);
  try {
    await body({ page, problems });
  } catch (error) {
    failures += 1;
    console.log(`FAILED: ${name}: ${error.stack}`);
  }
  is(problems.length === 0, `${name}: the console says: ${problems.join('; ')}`);
  await context.close();
  console.log(`${failures === before ? 'ok' : 'FAILED'}  ${name}`);
}

const heard = (page) => page.evaluate(() => globalThis.heard);
const go = (page, action) => Promise.all([page.waitForNavigation(), action()]);
const choose = (page, connector) => go(page, () => page.click(`a[href*="${connector}"]`));
const send = (page) => page.click('form[data-form] button[type=submit]');

// Takes what must have been said out of the problems.
function expect(problems, text) {
  const index = problems.findIndex((problem) => problem.includes(text));
  is(index >= 0, `the console says "${text}" and not: ${problems.join('; ')}`);
  if (index >= 0) problems.splice(index, 1);
}

async function popupOf(page, problems, action) {
  const opened = new Promise((resolve) => page.once('popup', resolve));
  await action();
  const popup = await opened;
  watch(popup, problems);
  return popup;
}

// An application opens the page in a window.
async function openWindow(page, problems, application, whose) {
  await page.goto(application);
  const popup = await popupOf(page, problems, () => page.evaluate((url) => { window.open(url, 'connect', 'popup,width=560,height=760'); }, `${pages}/open/${whose}`));
  await popup.waitForSelector('#services');
  return popup;
}

async function withKey(page) {
  await choose(page, 'weather-desk');
  await page.type('input[type=password]', apiKey);
  await go(page, () => send(page));
}

// The provider's own window, in which the person says yes. It closes itself, and the page in `opener` goes on.
async function allow(popup, opener) {
  await popup.waitForSelector('#account');
  const closed = new Promise((resolve) => popup.once('close', () => resolve(true)));
  const late = new Promise((resolve) => { setTimeout(resolve, 10_000, false); });
  const back = opener.waitForNavigation();
  await popup.select('#account', 'alice');
  await popup.click('button[value=allow]').catch(() => {});
  if (!(await Promise.race([closed, late]))) {
    back.catch(() => {});
    throw new Error(`the window stays open: ${popup.url()} ${await popup.$eval('body', (node) => node.innerText)}`);
  }
  await back;
}

async function isTold(page, frame) {
  await page.waitForFunction(() => globalThis.heard.length > 0, { timeout: 10_000 });
  const all = await heard(page);
  is(all.length === 1, `one message: ${JSON.stringify(all)}`);
  const [{ origin, data }] = all;
  is(origin === pages, `it comes from the page: ${origin}`);
  is(data.source === 'tower-auth' && data.outcome === 'connected', `it says what came of it: ${JSON.stringify(data)}`);
  is(/^cred_[\w-]+$/.test(data.credentialId), `it names the credential: ${data.credentialId}`);
  is(Object.keys(data).sort().join() === 'credentialId,flow,outcome,source', `and holds nothing else: ${Object.keys(data)}`);
  is(await frame.$eval('#main', (node) => node.innerText.includes('connected')), 'the person reads it too');
}

await step('a window of an application of another site', async ({ page, problems }) => {
  const popup = await openWindow(page, problems, far, 'far');
  await withKey(popup);
  await isTold(page, popup);
  is((await axe(popup)).length === 0, 'the end is accessible');
  is(await popup.$eval('[data-can-close]', (node) => node.checkVisibility()), 'the window can be closed');
  await screenshot(popup, join(pictures, 'window.png'));
  const closed = new Promise((resolve) => popup.once('close', resolve));
  await popup.click('[data-close-window]').catch(() => {});
  await closed;
});

await step('a window from which a person signs in', async ({ page, problems }) => {
  const popup = await openWindow(page, problems, far, 'far');
  await choose(popup, 'acme-drive');
  await allow(await popupOf(popup, problems, () => send(popup)), popup);
  await isTold(page, popup);
});

await step('a window of a stranger', async ({ page, problems }) => {
  const popup = await openWindow(page, problems, stranger, 'far');
  await withKey(popup);
  is(await popup.$eval('#main', (node) => node.innerText.includes('connected')), 'it is connected');
  // What was sent before would have arrived by now: messages keep their order.
  await popup.evaluate(() => { window.opener.postMessage('the last one', '*'); });
  await page.waitForFunction(() => globalThis.heard.some(({ data }) => data === 'the last one'), { timeout: 10_000 });
  is((await heard(page)).length === 1, `a stranger hears nothing of it: ${JSON.stringify(await heard(page))}`);
  expect(problems, `does not match the recipient window's origin ('${stranger}')`);
});

async function frameIn(page, application, url) {
  await page.goto(application);
  await page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.title = 'Connect an account';
    frame.style.cssText = 'width:min(560px,100%);height:720px;border:0';
    const loaded = new Promise((resolve) => { frame.onload = resolve; });
    frame.src = src;
    document.body.append(frame);
    return loaded;
  }, url);
  return (await page.$('iframe')).contentFrame();
}

await step('a frame of an application that may', async ({ page, problems }) => {
  const frame = await frameIn(page, near, `${pages}/open/near`);
  is(frame.url() === `${pages}/connect/connectors`, `the page is in it: ${frame.url()}`);
  await screenshot(page, join(pictures, 'frame.png'));
  await withKey(frame);
  await isTold(page, frame);
  is(await frame.$eval('[data-can-close]', (node) => !node.checkVisibility()), 'a frame is no window that could be closed');
  await screenshot(page, join(pictures, 'frame-connected.png'));
});

await step('a frame from which a person signs in', async ({ page, problems }) => {
  const frame = await frameIn(page, near, `${pages}/open/near`);
  await choose(frame, 'acme-drive');
  await allow(await popupOf(page, problems, () => send(frame)), frame);
  await isTold(page, frame);
});

for (const [who, application, whose] of [['a stranger', stranger, 'near'], ['another site', far, 'near'], ['an application, where nobody may', near, 'closed']]) {
  await step(`a frame of ${who}`, async ({ page, problems }) => {
    const frame = await frameIn(page, application, `${pages}/open/${whose}`);
    is(frame.url().startsWith('chrome-error:'), `nothing is in it: ${frame.url()}`);
    expect(problems, 'frame-ancestors');
    problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes('ERR_BLOCKED_BY_RESPONSE')));
    is((await heard(page)).length === 0, 'nobody is told anything');
  });
}

await step('a provider that answers in a form', async ({ page, problems }) => {
  await page.goto(`${pages}/open/far`);
  await choose(page, 'acme-post');
  const popup = await popupOf(page, problems, () => send(page));
  await popup.waitForSelector('#account');
  is(new URL(popup.url()).hostname !== new URL(pages).hostname, `the provider is of another site: ${popup.url()}`);
  await allow(popup, page);
  const said = await page.$eval('#main', (node) => node.innerText);
  is(said.includes('Alice Example'), `it is connected: ${said}`);
  is((await layoutProblems(page)).length === 0, 'the layout holds');
  await screenshot(page, join(pictures, 'form-post.png'));
});

await step('the same in one window, without script', async ({ page }) => {
  await page.goto(`${pages}/open/far`);
  await choose(page, 'acme-post');
  await go(page, () => send(page));
  await page.select('#account', 'alice');
  await go(page, () => page.click('button[value=allow]'));
  is(!page.url().startsWith(pages), 'the provider has a button in place of the script');
  await go(page, () => page.click('form button'));
  const said = await page.$eval('#main', (node) => node.innerText);
  is(said.includes('Alice Example'), `it is connected: ${said}`);
  is(!/code=|state=/.test(page.url()), `no code is in the address: ${page.url()}`);
}, { javascript: false });

await browser.close();
console.log(failures === 0 ? `all passed: ${checks} checks` : `${failures} failed of ${checks} checks`);
process.exit(failures === 0 ? 0 : 1);
