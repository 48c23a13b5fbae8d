/** What second factors tell the event log. Never a token. */
import type { NewEvent } from '../../events/index.ts';

interface DeviceFacts { id: string; userId: string; name: string; methods: readonly string[]; expiresAt: Date }

const ofUser = (userId: string) => ({ type: 'user', id: userId });

export const deviceRemembered = ({ id, userId, name, methods, expiresAt }: DeviceFacts): NewEvent => ({
  type: 'remembered_device.added', subject: ofUser(userId), after: { deviceId: id, name, methods, expiresAt: expiresAt.toISOString() } });

export const devicesForgotten = (userId: string, deviceIds: readonly string[], reason: string): NewEvent => ({
  type: 'remembered_device.forgotten', subject: ofUser(userId), after: { deviceIds, reason } });

export const enrolmentPutOff = (userId: string, until: Date): NewEvent => ({
  type: 'second_factor.put_off', subject: ofUser(userId), after: { until: until.toISOString() } });
