/** A copy of an object without some members. */
export function omit<Value extends object, Name extends keyof Value>(value: Value, ...names: Name[]): Omit<Value, Name> {
  const copy: Partial<Value> = { ...value };
  for (const name of names) delete copy[name];
  return copy as Omit<Value, Name>;
}
