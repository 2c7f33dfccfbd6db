// What the pages do, with the script and without it.
import { axe, newPage, watch } from './driver.mjs';

export async function behaviour(browser, origin, fail) {
  let checks = 0;
  const at = (name) => `${origin}/connect/${name}`;
  const check = async (name, options, body) => {
    const context = await browser.createBrowserContext();
    const { page, problems } = await newPage(context, options);
    const is = (condition, what) => {
      checks += 1;
      if (!condition) fail(name, what);
    };
    try {
      await body({ page, is, problems, context });
    } catch (error) {
      fail(name, error.stack);
    }
    // The picture of a sample connector is nowhere.
    for (const problem of problems.filter((each) => !each.includes('ERR_NAME_NOT_RESOLVED'))) fail(name, problem);
    await context.close();
  };
  const shown = (page, selector) => page.$eval(selector, (node) => node.checkVisibility());
  const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());

  await check('the checks themselves', {}, async ({ page, is, problems }) => {
    await page.goto(at('picker'));
    is((await axe(page)).length === 0, 'axe finds nothing');
    await page.evaluate(() => document.documentElement.removeAttribute('lang'));
    is((await axe(page)).some(({ id }) => id === 'html-has-lang'), 'axe finds what is missing');
    await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<p style="color: red">x</p>'));
    is(problems.some((problem) => problem.includes('Content Security Policy')), 'a breach of the policy is noticed');
    problems.splice(0);
  });
  await check('without the script', { javascript: false }, async ({ page, is, problems }) => {
    await page.goto(at('form-all-kinds'));
    for (const field of ['grant', 'token_url', 'username', 'password', 'code', 'key', 'extra', 'sandbox']) is(await shown(page, `#field-${field}`), `${field} is shown`);
    is(!(await shown(page, '.reveal')), 'no button that does nothing');
    is(await shown(page, '.condition'), 'what is needed for some choices says so');
    await page.goto(at('form-errors'));
    is(await shown(page, '[data-summary]'), 'the summary of errors is shown');
    await page.goto(at('form-continue'));
    is(!(await shown(page, '[data-wait]')), 'nothing waits');
    await page.goto(at('list'));
    await page.click('.menu summary');
    is(await shown(page, '.menu[open] .menu-list'), 'a menu opens');
    await page.goto(at('picker-nothing-fits'));
    await page.$eval('#q', (node) => { node.value = ''; });
    await page.type('#q', 'git');
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
    is(page.url().endsWith('?q=git'), `search asks the server: ${page.url()}`);
    problems.splice(0); // There is no such page here.
  });

  await check('fields that depend on others', {}, async ({ page, is }) => {
    await page.goto(at('form-all-kinds'));
    is(await shown(page, '#field-username'), 'the user of the password grant is asked for');
    is(!(await shown(page, '#field-code')), 'the code of another grant is not');
    await page.select('#field-grant', 'client_credentials');
    is(!(await shown(page, '#field-username')), 'the user disappears with the grant');
    is(await page.$eval('#field-password', (node) => node.disabled), 'what is hidden is not sent');
  });

  await check('errors before sending', {}, async ({ page, is }) => {
    await page.goto(at('form'));
    await page.click('button.primary');
    is(page.url() === at('form'), 'nothing is sent');
    is(await page.$eval('[data-summary]', (node) => node === document.activeElement), 'the focus is on the summary');
    const links = await page.$$eval('[data-summary] a', (nodes) => nodes.map((node) => node.getAttribute('href')));
    is(links.join() === '#field-domain,#field-api_key', `the summary lists all: ${links}`);
    await page.click('[data-summary] a');
    is((await focused(page)) === 'field-domain', 'a link of it leads to the input');
    await page.type('#field-domain', 'https://acme.freshdesk.com/a/tickets?x=1');
    await page.keyboard.press('Tab');
    is((await page.$eval('#field-domain', (node) => node.value)) === 'acme', 'a pasted address is cut to the part that is asked for');
    is((await page.$eval('#field-domain', (node) => node.getAttribute('aria-invalid'))) === null, 'and is right then');
    await page.$eval('#field-domain', (node) => { node.value = 'a b'; node.dispatchEvent(new Event('change', { bubbles: true })); });
    is(await shown(page, '#field-domain-error'), 'what does not fit is said at once');
  });

  await check('revealing a secret', {}, async ({ page, is }) => {
    await page.goto(at('form'));
    await page.type('#field-api_key', 'abc');
    await page.click('.reveal');
    is((await page.$eval('#field-api_key', (node) => node.type)) === 'text', 'it is shown');
    is((await page.$eval('.reveal', (node) => node.getAttribute('aria-pressed'))) === 'true', 'and said to be');
    await page.click('.reveal');
    is((await page.$eval('#field-api_key', (node) => node.type)) === 'password', 'and hidden again');
  });

  await check('sending twice', {}, async ({ page, is, problems }) => {
    await page.goto(at('rename'));
    let sent = 0;
    let headers = {};
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      if (request.method() !== 'POST') return request.continue();
      sent += 1;
      headers = request.headers();
      // A server that takes its time.
      return setTimeout(() => request.respond({ status: 204 }), 700);
    });
    await page.click('button.primary');
    is((await page.$eval('button.primary', (node) => node.getAttribute('aria-busy'))) === 'true', 'the button says that something happens');
    await page.click('button.primary');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    is(sent === 1, `the form is sent once, not ${sent} times`);
    // What a server can rely on: the policy for referrers takes the origin away.
    is(headers.origin === 'null', `Origin is ${headers.origin}`);
    problems.splice(0);
  });

  await check('live search', {}, async ({ page, is }) => {
    await page.goto(at('picker'));
    await page.type('#q', 'support');
    const names = await page.$$eval('#services li:not([hidden]) .service-name', (nodes) => nodes.map((node) => node.textContent));
    is(names.join() === 'Freshdesk', `only what fits is shown: ${names}`);
    is((await page.$eval('[data-count]', (node) => node.textContent)) === '1 service', 'the count is right');
    await page.type('#q', 'xyz');
    is(await shown(page, '[data-empty]'), 'nothing fits, and that is said');
  });

  await check('menus', {}, async ({ page, is }) => {
    await page.goto(at('list'));
    await page.click('.menu summary');
    await page.keyboard.press('Escape');
    is(!(await page.$('.menu[open]')), 'Escape closes a menu');
    is((await focused(page)).startsWith('More'), 'the focus goes back to it');
  });

  // The pop-up lands on a written page of the end, as if the provider had answered.
  const popup = async (page, problems, target) => {
    await page.evaluate((action) => { document.querySelector('form[data-popup]').action = action; }, target);
    const opened = new Promise((resolve) => page.once('popup', resolve));
    await page.click('button.primary');
    const other = await opened;
    watch(other, problems);
    return other;
  };
  await check('a pop-up that works', {}, async ({ page, is, problems }) => {
    await page.goto(at('form-continue'));
    await popup(page, problems, at('done-connected'));
    await page.waitForFunction(() => location.pathname.endsWith('/con_9fK3'), { timeout: 5000 });
    is(true, 'the page goes on');
    problems.splice(0); // There is no such page here.
    is((await page.browserContext().pages()).length === 1, 'the pop-up closes itself');
  });
  await check('a pop-up in which access is denied', {}, async ({ page, is, problems }) => {
    await page.goto(at('form-continue'));
    await popup(page, problems, at('done-denied'));
    await page.waitForSelector('[data-wait-problem]:not([hidden])', { timeout: 5000 });
    is((await page.$eval('[data-problem-title]', (node) => node.textContent)) === 'Access was not allowed', 'the page says so');
    is(await shown(page, 'form[data-popup]'), 'and lets one try again');
  });
  await check('a pop-up that ends with an error', {}, async ({ page, is, problems }) => {
    await page.goto(at('form-continue'));
    const other = await popup(page, problems, at('done-provider-error'));
    await page.waitForSelector('[data-wait-problem]:not([hidden])', { timeout: 5000 });
    is((await page.$eval('[data-problem-title]', (node) => node.textContent)) === 'GitHub reported an error', 'the page says what');
    is(!other.isClosed() && (await shown(other, '[data-close-window]')), 'the pop-up stays to be read');
  });
  await check('a pop-up that is closed early', {}, async ({ page, is, problems }) => {
    await page.goto(at('form-continue'));
    const other = await popup(page, problems, at('error-session'));
    is(await shown(page, '[data-wait]'), 'the page waits');
    await other.close();
    await page.waitForSelector('[data-wait-problem]:not([hidden])', { timeout: 5000 });
    is((await page.$eval('[data-problem-title]', (node) => node.textContent)) === 'The window was closed', 'the page says so');
    is(await shown(page, '[data-same-window]'), 'and offers this window');
  });
  await check('a pop-up that is blocked', {}, async ({ page, is, problems }) => {
    await page.goto(at('form-continue'));
    await page.evaluate(() => { window.open = () => null; });
    await page.click('button.primary');
    is((await page.$eval('[data-problem-title]', (node) => node.textContent)) === 'Your browser blocked the window', 'the page says so');
    is(page.url() === at('form-continue'), 'nothing is sent');
    await Promise.all([page.waitForNavigation(), page.click('[data-same-window] button')]);
    is(page.url().endsWith('/connectors/github'), 'the form can be sent in this window');
    problems.splice(0);
  });
  await check('a form that is sent into a pop-up', {}, async ({ page, is, problems }) => {
    await page.goto(at('form-continue'));
    const opened = new Promise((resolve) => page.once('popup', resolve));
    await page.click('button.primary');
    const other = await opened;
    await other.waitForFunction(() => location.pathname.endsWith('/connectors/github'), { timeout: 5000 });
    is(page.url() === at('form-continue') && (await shown(page, '[data-wait]')), 'the page waits');
    await other.goto(at('done-connected')).catch(() => {}); // It closes itself.
    await page.waitForFunction(() => location.pathname.endsWith('/con_9fK3'), { timeout: 5000 });
    is(true, 'the page goes on');
    problems.splice(0);
  });
  await check('a provider that cuts the tie between the windows', {}, async ({ page, is, problems, context }) => {
    await page.goto(at('form-continue'));
    const other = await popup(page, problems, at('error-session'));
    await other.close();
    await page.waitForSelector('[data-wait-problem]:not([hidden])', { timeout: 5000 });
    // A window that has neither the opener nor the name.
    const end = await context.newPage();
    await end.goto(at('done-other-account'));
    await page.waitForFunction(() => location.pathname.endsWith('/con_9fK3'), { timeout: 5000 });
    is(await shown(end, '[data-can-close]'), 'the page at the end knows that somebody waited');
    problems.splice(0);
  });
  await check('telling the application', {}, async ({ page, is, problems }) => {
    // The origin in the sample page is another one, so the message must not arrive here.
    await page.goto(at('picker'));
    const got = await page.evaluate(async (url) => {
      const messages = [];
      window.addEventListener('message', (event) => messages.push(event.data));
      const other = window.open(url, 'application');
      await new Promise((resolve) => setTimeout(resolve, 1000));
      other.close();
      return messages;
    }, at('success-by-hand'));
    is(got.length === 0, `a page of another origin is told nothing: ${JSON.stringify(got)}`);
    problems.splice(0);
  });
  return checks;
}
