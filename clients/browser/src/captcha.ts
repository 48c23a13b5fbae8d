/** Work instead of a puzzle: a number with which the SHA-256 of `{challenge}.{number}` begins with so many zero bits. */
const batch = 512;

export async function solveCaptcha({ challenge, difficulty }: { challenge: string; difficulty: number }): Promise<string> {
  const encoder = new TextEncoder();
  for (let start = 0; ; start += batch) {
    const digests = await Promise.all(Array.from({ length: batch }, (_none, offset) => crypto.subtle.digest('SHA-256', encoder.encode(`${challenge}.${start + offset}`))));
    const found = digests.findIndex((digest) => zeroBits(new Uint8Array(digest)) >= difficulty);
    if (found >= 0) return String(start + found);
  }
}

function zeroBits(digest: Uint8Array): number {
  const first = digest.findIndex((byte) => byte !== 0);
  return first < 0 ? digest.length * 8 : first * 8 + Math.clz32(digest[first] ?? 0) - 24;
}
