import type { Field } from '@postern/browser';
import type { ReactElement } from 'react';
import { say } from './texts.ts';

/** Whatever the server asks for, drawn by its type. */
export function Fields({ fields, faults }: { fields: readonly Field[]; faults: ReadonlySet<string> }): ReactElement {
  return <>{fields.map((field) => <FieldInput key={field.name} field={field} wrong={faults.has(field.name)} />)}</>;
}

function FieldInput({ field, wrong }: { field: Field; wrong: boolean }): ReactElement {
  const label = field.label ?? say(field.name);
  const common = { id: `field-${field.name}`, name: field.name, required: field.required, defaultValue: field.value, 'aria-invalid': wrong || undefined };
  if (field.type === 'hidden') return <input type="hidden" name={field.name} defaultValue={field.value} />;
  if (field.type === 'checkbox') return <label className="check"><input type="checkbox" name={field.name} required={field.required} /> {label}</label>;
  return (
    <p>
      <label htmlFor={common.id}>{label}</label>
      {field.type === 'select'
        ? <select {...common}>{field.options?.map(({ value, label: text }) => <option key={value} value={value}>{text}</option>)}</select>
        : <input {...common} type={field.type} maxLength={field.maxLength} autoComplete={field.autocomplete} inputMode={field.inputMode as 'numeric' | undefined} autoCapitalize="none" spellCheck={false} />}
    </p>
  );
}

/** What was typed, as the API takes it: text as text, ticked boxes as true. */
export function valuesOf(form: HTMLFormElement): Record<string, string | boolean> {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => {
    const control = form.elements.namedItem(name);
    return [name, control instanceof HTMLInputElement && control.type === 'checkbox' ? true : String(value)];
  }));
}
