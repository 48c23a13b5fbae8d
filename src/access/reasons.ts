/** Why somebody has something in an application: by themselves, by a group, by an organizational unit. */
import type { SubjectKind } from './application-roles/schemas.ts';

export interface Reason {
  readonly type: SubjectKind;
  /** Of the group or organizational unit. */
  readonly id?: string;
  readonly name?: string;
  /** The nested group, or the unit below, by which the user belongs to it. */
  readonly via?: { readonly id: string; readonly name: string };
  /** For people: `directly`, `through OU Sales`, `through group Admins (via Ops)`. */
  readonly text: string;
  readonly expiresAt: Date | null;
}

interface Named { readonly id: string; readonly name: string }

export const direct = (expiresAt: Date | null): Reason => ({ type: 'user', text: 'directly', expiresAt });

/** By a group or unit; `via` is the one within it that the user is in. */
export function through({ type, source, via, expiresAt }: { type: Exclude<SubjectKind, 'user'>; source: Named; via: Named | undefined; expiresAt: Date | null }): Reason {
  return {
    type, id: source.id, name: source.name, ...(via && { via: { id: via.id, name: via.name } }), expiresAt,
    text: `through ${type === 'group' ? 'group' : 'OU'} ${source.name}${via ? ` (via ${via.name})` : ''}`,
  };
}

const rank = { user: 0, group: 1, organizational_unit: 2 } as const;

/** Directly first, then by groups, then by units. */
export const byDirectness = (left: Reason, right: Reason): number => rank[left.type] - rank[right.type] || (left.text < right.text ? -1 : 1);

/** Whom a change of these subjects is about: of a group or unit, everybody may be meant (undefined). */
export const usersAmong = (subjectIds: readonly string[]): readonly string[] | undefined => (subjectIds.every((id) => id.startsWith('user_')) ? subjectIds : undefined);
