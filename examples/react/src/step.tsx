import type { Flow, MethodView, StepView } from '@postern/browser';
import { type ReactElement, type ReactNode, type SyntheticEvent, useState } from 'react';
import { Fields, valuesOf } from './fields.tsx';
import { say } from './texts.ts';

interface StepProps {
  readonly flow: Flow;
  readonly step: StepView;
  readonly faults: ReadonlySet<string>;
  /** Runs one call and shows how it ended. */
  readonly run: (call: () => Promise<unknown>) => void;
  readonly redirectUrl: string | undefined;
}

/** One step. Steps with methods and steps with fields are drawn alike, so that a new one needs nothing here. */
export function Step({ flow, step, faults, run, redirectUrl }: StepProps): ReactElement {
  if (step.name === 'redirect') return <a className="button" href={redirectUrl}>Continue at the sign-in page</a>;
  if (step.name === 'captcha') return <button type="button" onClick={() => { run(() => flow.captcha()); }}>I am not a robot</button>;
  if (step.name === 'consent') return <Consent step={step} answer={(decision) => { run(() => flow.submit('consent', { decision })); }} />;
  const methods = step.methods ?? [];
  return (
    <>
      {(step.fields || methods.length === 0) && (
        <Form run={run} submit={(values) => flow.submit(step.submit ?? step.name, values)}>
          <Fields fields={step.fields ?? []} faults={faults} />
        </Form>
      )}
      {methods.length > 0 && <Methods flow={flow} methods={methods} faults={faults} run={run} />}
    </>
  );
}

function Methods({ flow, methods, faults, run }: Omit<StepProps, 'redirectUrl' | 'step'> & { methods: readonly MethodView[] }): ReactElement {
  const keyOf = ({ method, credentialId }: MethodView) => `${method}/${credentialId ?? ''}`;
  const [chosen, choose] = useState<string>();
  const method = methods.find((one) => keyOf(one) === chosen) ?? methods[0];
  if (!method) return <p>Nothing that this page can offer.</p>;
  return (
    <>
      {methods.length > 1 && (
        <fieldset>
          <legend>How</legend>
          {methods.map((one) => (
            <label key={keyOf(one)} className="check">
              <input type="radio" name="method" checked={one === method} onChange={() => { choose(keyOf(one)); }} /> {say(one.method)} {one.hint}
            </label>
          ))}
        </fieldset>
      )}
      <Method key={keyOf(method)} flow={flow} method={method} faults={faults} run={run} />
    </>
  );
}

function Method({ flow, method, faults, run }: { flow: Flow; method: MethodView; faults: ReadonlySet<string>; run: StepProps['run'] }): ReactElement {
  if (method.method === 'webauthn') return <button type="button" onClick={() => { run(() => flow.passkey(method)); }}>Use a passkey</button>;
  const isWaiting = method.prepare === true && method.fields.length === 0;
  return (
    <>
      {shownText(method.data).map(([name, value]) => <p key={name}>{say(name)}: <code>{value}</code></p>)}
      {!isWaiting && (
        <Form run={run} submit={(values) => flow.answer(method, values)}>
          <Fields fields={method.fields} faults={faults} />
        </Form>
      )}
      {method.prepare && <button type="button" className={isWaiting ? undefined : 'quiet'} onClick={() => { run(() => flow.prepare(method)); }}>{isWaiting ? `Send: ${say(method.method)} ${method.hint ?? ''}` : 'Send again'}</button>}
    </>
  );
}

/** Of what comes beside a method, the parts that a person can read: the key of an authenticator, new recovery codes. */
function shownText(data: unknown): [string, string][] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([name, value]): [string, string][] => {
    if (typeof value === 'string') return [[name, value]];
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? [[name, value.join(' ')]] : [];
  });
}

function Consent({ step, answer }: { step: StepView; answer: (decision: 'allow' | 'deny') => void }): ReactElement {
  const scopes = (step['scopes'] as { name: string }[] | undefined) ?? [];
  return (
    <>
      <p>This application would like to know:</p>
      <ul>{scopes.map(({ name }) => <li key={name}>{say(name)}</li>)}</ul>
      <button type="button" onClick={() => { answer('allow'); }}>Allow</button>
      <button type="button" className="quiet" onClick={() => { answer('deny'); }}>Refuse</button>
    </>
  );
}

function Form({ run, submit, children }: { run: StepProps['run']; submit: (values: Record<string, string | boolean>) => Promise<unknown>; children: ReactNode }): ReactElement {
  const onSubmit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = valuesOf(event.currentTarget);
    run(() => submit(values));
  };
  return <form onSubmit={onSubmit}>{children}<button>Continue</button></form>;
}
