import type { NewEvent } from '../../events/index.ts';

interface Document { readonly id: string; readonly name: string; readonly position: number; readonly state: string }

const about = ({ name, position, state }: Document) => ({ name, position, state });
const subject = (id: string) => ({ type: 'terms', id });

export const termsCreated = (document: Document): NewEvent => ({ type: 'terms.created', subject: subject(document.id), after: about(document) });
export const termsUpdated = (before: Document, after: Document): NewEvent => ({ type: 'terms.updated', subject: subject(after.id), before: about(before), after: about(after) });
export const termsPublished = (documentId: string, number: number): NewEvent => ({ type: 'terms.published', subject: subject(documentId), after: { number } });
export const termsAccepted = (userId: string, accepted: { documentId: string; number: number; locale: string | null }): NewEvent => ({
  type: 'terms.accepted', subject: { type: 'user', id: userId }, after: accepted });
