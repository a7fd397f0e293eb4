/** What this machine's kernel allows as the name of a device. */

/** IFNAMSIZ less the terminating zero. */
const DEVICE_NAME_MAX = 15;

/** Takes what is wrong with one key: where, what was found there, what is allowed, and why. */
export type Refuse = (place: string, value: unknown, allowed: string, reason: string) => void;

/** dev_valid_name, net/core/dev.c. @param behind characters that are put behind the name. */
export function checkDeviceName(place: string, name: string, behind: number, refuse: Refuse): void {
  const charactersMax = DEVICE_NAME_MAX - behind;
  const valid = name.length <= charactersMax && !/[/:\s]/.test(name) && !['.', '..', 'lo'].includes(name);
  if (valid) return;
  refuse(place, name, `${charactersMax} characters, none of them / : or space, and not lo`, 'it names a device');
}
