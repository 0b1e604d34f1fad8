// Opens pages in Chromium, one after the other, and tells what went wrong, as JSON.
//
//   node visit.mjs PROFILE_FOLDER STEP...
//
// A step is a URL, which is opened in a page of its own, or click:SELECTOR, which goes on in the page before, to another title.
// Each is told of apart.
// A page may ask its own server only: no other host is known, and a request of another origin counts as a problem. (Requests are not
// intercepted for that, since the browser keeps no cache then.)

import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

const CLICK = "click:";
const [profile, ...steps] = process.argv.slice(2);
const own = new Set(steps.filter((step) => !step.startsWith(CLICK)).map((url) => new URL(url).origin));

// What is seen is noted in the step that the page is at.
async function openPage(context, at) {
  const page = await context.newPage();
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && !own.has(url.origin)) at.seen.problems.push(`asked elsewhere: ${url}`);
  });
  page.on("requestfinished", (request) => at.seen.requests.push(request.url()));
  page.on("requestfailed", (request) =>
    at.seen.problems.push(`failed: ${request.url()}: ${request.failure()?.errorText}`),
  );
  page.on("response", (response) => {
    if (response.status() >= 400) at.seen.problems.push(`answered ${response.status()}: ${response.url()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") at.seen.problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => at.seen.problems.push(`script: ${error.message}`));
  return page;
}

async function look(page, seen) {
  seen.url = page.url();
  seen.title = await page.title();
  seen.text = await page.innerText("body");
  seen.links = await page.$$eval("a[href]", (links) => links.map((link) => link.href));
  seen.broken = await page.$$eval("img", (images) =>
    images.filter((image) => image.complete && image.naturalWidth === 0).map((image) => image.src),
  );
}

const context = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  args: ARGUMENTS,
});
try {
  const visits = [];
  let page, at;
  for (const step of steps) {
    const seen = { url: step, title: "", text: "", requests: [], problems: [] };
    visits.push(seen);
    if (step.startsWith(CLICK)) {
      at.seen = seen;
      const before = await page.title();
      await page.click(step.slice(CLICK.length), { timeout: 30000 });
      await page.waitForFunction((title) => document.title !== title, before, { timeout: 30000 });
    } else {
      await page?.close();
      at = { seen };
      page = await openPage(context, at);
      seen.status = (await page.goto(step, { waitUntil: "networkidle", timeout: 30000 })).status();
    }
    await look(page, seen);
  }
  console.log(JSON.stringify(visits));
} finally {
  await context.close();
}
