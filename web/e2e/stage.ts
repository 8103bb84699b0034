import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { DESKTOP, PHONE } from './axe';
import { openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { GroundControl } from './ground-control';
import { Host, MACHINE } from './host';

interface Wanted {
  hosts?: number;
  /** What is done to a host before anybody looks at it. */
  prepare?(host: Host): unknown;
}

/** Hosts that are booted, a Ground Control that they reach, and a browser that is signed in to it. */
export class Stage {
  hosts: Host[] = [];
  groundControl!: GroundControl;
  browser!: Browser;
  watched!: Watched;

  /** For all tests of the group that this is called in; `name` is that of the picture of a failure. */
  static set(name: string, { hosts = 1, prepare }: Wanted = {}): Stage {
    const stage = new Stage();
    beforeAll(async () => {
      stage.hosts = await Promise.all(Array.from({ length: hosts }, () => Host.boot()));
      if (prepare) for (const host of stage.hosts) prepare(host);
      [stage.groundControl, stage.browser] = await Promise.all([GroundControl.at(MACHINE), openBrowser()]);
      stage.watched = await openPage(stage.browser, {}, stage.url);
      await signIn(stage.page, stage.groundControl);
    });
    afterAll(async () => {
      await stage.browser?.close();
      await stage.groundControl?.stop();
      await Promise.all(stage.hosts.map((host) => host.stop()));
    });
    afterEach(async ({ task }) => {
      if (task.result?.state === 'fail') await screenshot(stage.page, `${name}-failed`);
    });
    return stage;
  }

  get host(): Host {
    const [first] = this.hosts;
    if (!first) throw new Error('no host was booted');
    return first;
  }

  get url(): string {
    return this.groundControl.url;
  }

  get page(): Page {
    return this.watched.page;
  }

  /** Looks at pages in both themes, on a desk and on a phone. `look` gets a page, and an end for names of pictures. */
  looks(what: string, look: (page: Page, name: string) => Promise<void>): void {
    test.each([
      ['dark', DESKTOP],
      ['light', DESKTOP],
      ['dark', PHONE],
      ['light', PHONE],
    ] as const)(`${what} look good, %s`, async (colorScheme, size) => {
      const { page, troubles } = await openPage(this.browser, { ...size, colorScheme }, this.url);
      await signIn(page, this.groundControl);
      try {
        await look(page, `${colorScheme}-${size.viewport.width}`);
      } catch (cause) {
        await screenshot(page, `${what.replaceAll(' ', '-')}-failed`);
        throw cause;
      }
      expect(troubles).toEqual([]);
      await page.context().close();
    });
  }

  /** The last test of a group. */
  nothingWentWrong(): void {
    test('nothing went wrong on the way', () => {
      expect(this.watched.troubles).toEqual([]);
    });
  }
}
