/** The bare framework: Fastify alone, one GET that says hello, and one POST whose body is checked by zod. */
import Fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { answerParent, measureUsage } from './parent.ts';
import { profiling } from './profile.ts';

const { port } = JSON.parse(process.argv[2] ?? '{}') as { port: number };
const app = Fastify().withTypeProvider<ZodTypeProvider>();
app.setValidatorCompiler(validatorCompiler);
app.setSerializerCompiler(serializerCompiler);
const entity = z.strictObject({ type: z.string(), id: z.string() });
app.get('/hello', async () => ({ hello: 'world' }));
app.post('/hello', {
  schema: { body: z.strictObject({ subject: entity, action: z.strictObject({ name: z.string() }), resource: entity }), response: { 200: z.object({ decision: z.boolean() }) } },
}, async () => ({ decision: true }));
await app.listen({ host: '127.0.0.1', port });

answerParent({ usage: () => measureUsage(0), ...profiling }, () => app.close());
