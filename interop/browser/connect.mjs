// Drives the connect page of a running application as a person would: by an API key, by signing in in a pop-up and
// without script, denial, reconnecting, revoking. `connect.mjs ORIGIN API_KEY PICTURES`
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { axe, launch, newPage, screenshot, sizes, watch } from './driver.mjs';

const [origin, apiKey, pictures] = process.argv.slice(2);
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

const text = (page, selector = 'main') => page.$eval(selector, (node) => node.innerText);
// The console is empty, but for what the browser itself says of an answer with such a status.
function quiet(problems, ...statuses) {
  for (const status of statuses) {
    const index = problems.findIndex((problem) => problem.includes(`status of ${status} `));
    is(index >= 0, `an answer with the status ${status}`);
    if (index >= 0) problems.splice(index, 1);
  }
  is(problems.length === 0, `the console says: ${problems.join('; ')}`);
}
const go = (page, action) => Promise.all([page.waitForNavigation(), action()]);

// Accessible, and kept as a picture at both sizes.
async function look(page, name) {
  const found = await axe(page);
  is(found.length === 0, `${name}: ${JSON.stringify(found)}`);
  await screenshot(page, join(pictures, `${name}.png`));
  const { width, height } = page.viewport();
  if (width === sizes.desktop.width) {
    await page.setViewport({ ...sizes.phone, isMobile: false, hasTouch: false });
    await screenshot(page, join(pictures, `${name}-phone.png`));
    await page.setViewport({ ...sizes.desktop, width, height });
  }
}

async function begin(options) {
  const context = await browser.createBrowserContext();
  const { page, problems } = await newPage(context, options);
  await page.goto(`${origin}/`);
  await go(page, () => page.click('form[action="/manage"] button'));
  is(!page.url().includes('session='), `no token stays in the address: ${page.url()}`);
  return { context, page, problems };
}

async function choose(page, connector) {
  await page.goto(`${origin}/connect/connectors`);
  await go(page, () => page.click(`a[href*="${connector}"]`));
}

async function signIn(page, decision, account) {
  if (account) await page.select('#account', account);
  await go(page, () => page.click(`button[value=${decision}]`));
}

async function step(name, body) {
  const before = failures;
  try {
    await body();
  } catch (error) {
    failures += 1;
    console.log(`FAILED: ${name}: ${error.stack}`);
  }
  console.log(`${failures === before ? 'ok' : 'FAILED'}  ${name}`);
}

await step('an API key: a wrong one keeps the form, a right one connects', async () => {
  const { context, page, problems } = await begin();
  await look(page, 'picker');
  await choose(page, 'weather-desk');
  await look(page, 'form');
  await page.type('#label', 'Office weather');
  await page.type('input[type=password]', 'a-wrong-key');
  await go(page, () => page.click('form[data-form] button[type=submit]'));
  is((await text(page)).includes('did not accept'), 'a wrong key is named');
  is((await page.$eval('#label', (node) => node.value)) === 'Office weather', 'the name is kept');
  is((await page.$eval('input[type=password]', (node) => node.value)) === '', 'the key is not');
  await look(page, 'wrong-key');
  await page.type('input[type=password]', apiKey);
  await go(page, () => page.click('form[data-form] button[type=submit]'));
  is((await text(page)).includes('Office weather'), 'the application shows it');
  is((await text(page)).includes('200 OK'), 'its API answers');
  quiet(problems, 422);
  await context.close();
});

await step('signing in, in a window of its own', async () => {
  const { context, page, problems } = await begin();
  await choose(page, 'acme-drive');
  await look(page, 'sign-in');
  const opened = new Promise((resolve) => page.once('popup', resolve));
  await page.click('form[data-form] button[type=submit]');
  const popup = await opened;
  watch(popup, problems);
  await popup.waitForSelector('#account');
  await look(page, 'waiting');
  const back = page.waitForNavigation();
  const closed = new Promise((resolve) => popup.once('close', resolve));
  await popup.select('#account', 'alice');
  await popup.click('button[value=allow]').catch(() => {});
  await Promise.all([back, closed]);
  await page.goto(`${origin}/`);
  is((await text(page)).includes('Alice Example'), 'the account has its name');
  quiet(problems);
  await context.close();
});

await step('signing in without script, and saying no', async () => {
  const { context, page, problems } = await begin({ javascript: false });
  await choose(page, 'acme-drive');
  await go(page, () => page.click('form[data-form] button[type=submit]'));
  await signIn(page, 'deny');
  const said = page.url().startsWith(`${origin}/connect`) ? await text(page) : await text(page, 'body');
  is(/not allowed|Nothing was connected/.test(said), `a denial is told: ${said}`);
  await screenshot(page, join(pictures, 'denied.png'));
  await choose(page, 'acme-drive');
  await go(page, () => page.click('form[data-form] button[type=submit]'));
  await signIn(page, 'allow', 'shared');
  await page.goto(`${origin}/`);
  is((await text(page)).includes('Shared mailbox'), 'it is connected');
  quiet(problems, 400);
  await context.close();
});

await step('the list: filter, test, rename, log, reconnect, revoke, delete', async () => {
  const { context, page, problems } = await begin();
  const list = `${origin}/connect/connections`;
  const menu = async (label, action) => {
    await page.goto(list);
    const found = await page.evaluateHandle((wanted) => [...document.querySelectorAll('.row')].find((node) => node.innerText.includes(wanted)), label);
    const row = found.asElement();
    await (await row.$('.menu summary')).click();
    const link = await row.evaluateHandle((node, word) => [...node.querySelectorAll('.menu-list a, .menu-list button')].find((each) => each.innerText.startsWith(word)), action);
    await go(page, () => link.asElement().click());
  };
  await page.goto(list);
  await look(page, 'connections');
  is((await page.$$('.row')).length === 3, 'three connections');
  await page.goto(`${list}?status=valid`);
  is((await page.$$('.row')).length === 3, 'all are valid');
  await page.goto(`${list}?status=revoked`);
  is((await page.$$('.row')).length === 0, 'none is revoked');

  await page.goto(list);
  await go(page, () => page.click('.row form button'));
  is(/works|tested|Works/i.test(await text(page, 'body')), 'a test is told');

  await menu('Office weather', 'Rename');
  await look(page, 'rename');
  await page.$eval('input[name=label]', (node) => { node.value = ''; });
  await page.type('input[name=label]', 'Weather of the office');
  await go(page, () => page.click('main form button[type=submit]'));
  await page.goto(list);
  is((await text(page)).includes('Weather of the office'), 'it has another name');

  await go(page, () => page.click('.row h2 a'));
  await look(page, 'details');

  await menu('Alice Example', 'Reconnect');
  const opened = new Promise((resolve) => page.once('popup', resolve));
  const back = page.waitForNavigation();
  await page.click('form[data-form] button[type=submit]');
  const popup = await opened;
  watch(popup, problems);
  await popup.waitForSelector('#account');
  await popup.select('#account', 'alice');
  await popup.click('button[value=allow]').catch(() => {});
  await back;
  await page.goto(list);
  is((await page.$$('.row')).length === 3, 'it is the same connection');

  await menu('Shared mailbox', 'Revoke');
  await look(page, 'revoke');
  await go(page, () => page.click('main form button[type=submit]'));
  await page.goto(`${list}?status=revoked`);
  is((await page.$$('.row')).length === 1, 'one is revoked');
  await look(page, 'connections-revoked');

  await menu('Shared mailbox', 'Delete');
  await go(page, () => page.click('main form button[type=submit]'));
  await page.goto(list);
  is((await page.$$('.row')).length === 2, 'two are left');
  quiet(problems);
  await context.close();
});

await browser.close();
console.log(failures === 0 ? `all passed: ${checks} checks` : `${failures} failed of ${checks} checks`);
process.exit(failures === 0 ? 0 : 1);
