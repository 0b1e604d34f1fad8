// Opens pages in Chromium, one after the other, and tells what went wrong, as JSON.
//
//   node visit.mjs PROFILE_FOLDER URL...
//
// A page may ask its own server only: any other request is not let out, and counts as failed.

import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const [profile, ...urls] = process.argv.slice(2);

async function visit(context, url) {
  const seen = { url, title: "", text: "", requests: [], problems: [] };
  const page = await context.newPage();
  page.on("requestfinished", (request) => seen.requests.push(request.url()));
  page.on("requestfailed", (request) => seen.problems.push(`failed: ${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (response.status() >= 400) seen.problems.push(`answered ${response.status()}: ${response.url()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") seen.problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.problems.push(`script: ${error.message}`));
  const response = await page.goto(url, { waitUntil: "networkidle", timeout: 30000 });
  seen.status = response.status();
  seen.title = await page.title();
  seen.text = await page.innerText("body");
  seen.links = await page.$$eval("a[href]", (links) => links.map((link) => link.href));
  seen.broken = await page.$$eval("img", (images) =>
    images.filter((image) => image.complete && image.naturalWidth === 0).map((image) => image.src),
  );
  await page.close();
  return seen;
}

const context = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  args: ARGUMENTS,
});
try {
  const own = new Set(urls.map((url) => new URL(url).origin));
  await context.route("**/*", (route) =>
    own.has(new URL(route.request().url()).origin) || route.request().url().startsWith("data:") ? route.continue() : route.abort(),
  );
  const visits = [];
  for (const url of urls) visits.push(await visit(context, url));
  console.log(JSON.stringify(visits));
} finally {
  await context.close();
}
