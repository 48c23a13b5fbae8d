import { type Flow, type FlowView, type Postern, PosternError } from '@postern/browser';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { Step } from './step.tsx';
import { say } from './texts.ts';

/** A whole sign-in page: begins a flow, draws each step, and says when it is done. */
export function SignIn({ postern, onDone }: { postern: Postern; onDone: () => void }): ReactElement {
  const [flow, setFlow] = useState<Flow>();
  const [view, setView] = useState<FlowView>();
  const [error, setError] = useState<PosternError>();
  const [busy, setBusy] = useState(false);
  const alert = useRef<HTMLParagraphElement>(null);

  const start = () => { postern.start({ onChange: setView, locale: navigator.language }).then((begun) => { setFlow(begun); setView(begun.view); setError(undefined); }, show); };
  const show = (reason: unknown) => { setError(reason instanceof PosternError ? reason : new PosternError(0, { detail: String(reason) })); };
  useEffect(start, [postern]);
  useEffect(() => { alert.current?.focus(); }, [error]);

  const run = (call: () => Promise<unknown>) => {
    if (busy || !flow) return;
    setBusy(true);
    setError(undefined);
    call().then(async () => {
      if (flow.view.status !== 'completed') return;
      await postern.finish(flow);
      onDone();
    }).catch(show).finally(() => { setBusy(false); });
  };

  const step = view?.step;
  const isOver = error?.status === 410 || error?.status === 404 || (view !== undefined && view.status !== 'active');
  return (
    <main aria-busy={busy}>
      <h1>{say(step?.name ?? 'identify')}</h1>
      {error && <p ref={alert} role="alert" tabIndex={-1}>{error.message}{error.retryAfter === undefined ? '' : ` (${error.retryAfter} s)`}</p>}
      {view?.reason !== undefined && <p>{say(view.reason)}</p>}
      {view?.account && <p>{view.account.displayName}</p>}
      {flow && step && !isOver && (
        // The key: fields of one step are never those of another.
        <Step key={step.name} flow={flow} step={step} redirectUrl={postern.redirectUrl(view)} faults={new Set(error?.errors.map(({ field }) => field))} run={run} />
      )}
      {isOver && <button type="button" onClick={start}>Start again</button>}
      {flow && !isOver && (
        <nav>{view?.actions.filter((action) => action !== 'cancel').map((action) => (
          <button key={action} type="button" className="quiet" onClick={() => { run(() => (action === 'restart' ? flow.restart() : flow.submit(action))); }}>{say(action)}</button>
        ))}</nav>
      )}
      {!flow && error && <button type="button" onClick={start}>Try again</button>}
    </main>
  );
}
