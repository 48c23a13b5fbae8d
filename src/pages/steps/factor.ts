import { applicationLine, type Draw, type Drawing, type DrawnStep, who } from '../drawing.ts';
import { form } from '../form.ts';
import { html, type Markup } from '../html.ts';
import { drawMethods } from '../methods/index.ts';
import type { StepView } from '../../authentication/index.ts';

type FactorStep = Extract<StepView, { name: 'first_factor' | 'second_factor' }>;

export const firstFactor: Draw<'first_factor' | 'second_factor'> = (drawing, step) => factor(drawing, step, step.methods.some(({ method }) => method === 'password') ? drawing.text.enterPassword : drawing.text.signIn);
export const secondFactor: Draw<'first_factor' | 'second_factor'> = (drawing, step) => factor(drawing, step, drawing.text.secondFactor);

function factor(drawing: Drawing, { methods, remember }: FactorStep, title: string): DrawnStep {
  return { title, lead: applicationLine(drawing), body: html`${who(drawing)}${continueAs(drawing)}${drawMethods(drawing, methods, remember)}` };
}

/** Signed in meanwhile, in another tab: one click goes on as that person. */
function continueAs({ view, text, action, hidden }: Drawing): Markup {
  const choice = view.continueAs;
  if (choice === undefined) return null;
  return form(action, { ...hidden('choose_account'), account: choice.account }, html`
    <p class="hint">${text.alreadySignedIn}</p>
    <button type="submit" class="second">${text.continueAs(choice.displayName)}</button>`);
}
