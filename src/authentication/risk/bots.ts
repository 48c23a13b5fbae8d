/** User agents that say themselves that no person sits there. Who lies is found by the other signals. */

const programs = /(?<!cu)bot\b|crawl|spider|scrap|headless|phantom|selenium|webdriver|puppeteer|playwright|curl\/|wget\/|python-|python\/|aiohttp|httpx|go-http-client|java\/|okhttp|libwww|perl|ruby|node-fetch|undici|axios|postman|insomnia|httpclient|guzzle|scanner|nikto|sqlmap|masscan|zgrab|nuclei|hydra/i;

/** What the user agent calls itself when it is a program; undefined: a browser, as far as it says. */
export function programOf(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || userAgent.trim() === '') return 'none given';
  return programs.exec(userAgent)?.[0].toLowerCase();
}
