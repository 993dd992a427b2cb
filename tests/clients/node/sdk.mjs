// The official SDK for Node does its normal work against the server at BASE_URL, with MODEL.
// Prints one JSON object: by scenario null, or what went wrong.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: process.env.OPENAI_API_KEY ?? 'anything', maxRetries: 0 });

const Invoice = z.object({
  number: z.number().int(),
  currency: z.enum(['EUR', 'USD']),
  lines: z.array(z.string()),
});
const weather = zodResponsesFunction({
  name: 'get_weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string(), unit: z.enum(['C', 'F']) }),
});

const callOf = (response) => response.output.find((item) => item.type === 'function_call');
const collect = async (iterable) => {
  const all = [];
  for await (const each of iterable) all.push(each);
  return all;
};

const scenarios = {
  async create() {
    const response = await client.responses.create({ model, input: 'Say hello' });
    assert.equal(response.output_text, 'Say hello');
    assert.equal(response.status, 'completed');
    assert.ok(response._request_id);
  },

  async 'create as a stream'() {
    const events = await collect(
      await client.responses.create({ model, input: 'Count one two three', stream: true }),
    );
    assert.deepEqual(
      events.map((event) => event.sequence_number),
      events.map((_, index) => index),
    );
    const deltas = events.filter((event) => event.type === 'response.output_text.delta');
    assert.ok(deltas.length > 1);
    assert.equal(deltas.map((event) => event.delta).join(''), 'Count one two three');
    assert.equal(events.at(-1).type, 'response.completed');
  },

  async 'the stream helper'() {
    const stream = client.responses.stream({ model, input: 'Count one two three' });
    const kinds = (await collect(stream)).map((event) => event.type);
    assert.equal(kinds[0], 'response.created');
    assert.equal((await stream.finalResponse()).output_text, 'Count one two three');
  },

  async parse() {
    const text = { format: zodTextFormat(Invoice, 'invoice') };
    const parsed = await client.responses.parse({ model, input: 'An invoice, please', text });
    Invoice.parse(parsed.output_parsed);
    const stream = client.responses.stream({ model, input: 'An invoice, please', text });
    assert.deepEqual((await stream.finalResponse()).output_parsed, parsed.output_parsed);
  },

  async 'a tool and the turn after it'() {
    const input = 'What is the weather in Bern?';
    const asked = await client.responses.parse({ model, input, tools: [weather] });
    const call = callOf(asked);
    assert.equal(call.name, 'get_weather');
    assert.ok(['C', 'F'].includes(call.parsed_arguments.unit));
    const answered = await client.responses.create({
      model,
      previous_response_id: asked.id,
      input: [{ type: 'function_call_output', call_id: call.call_id, output: '21 C' }],
      tools: [weather],
    });
    assert.equal(answered.output_text, 'The tool says: 21 C');
  },

  async 'a tool in a stream, its output replayed without a store'() {
    const question = { role: 'user', content: 'What is the weather in Bern?' };
    const stream = client.responses.stream({ model, input: [question], tools: [weather], store: false });
    const pieces = (await collect(stream)).filter(
      (event) => event.type === 'response.function_call_arguments.delta',
    );
    const asked = await stream.finalResponse();
    const call = callOf(asked);
    assert.equal(pieces.map((event) => event.delta).join(''), call.arguments);
    const said = asked.output.map(({ parsed_arguments, ...item }) => item);
    const output = { type: 'function_call_output', call_id: call.call_id, output: '21 C' };
    const answered = await client.responses.create({ model, input: [question, ...said, output], store: false });
    assert.equal(answered.output_text, 'The tool says: 21 C');
    await assert.rejects(client.responses.retrieve(answered.id), OpenAI.NotFoundError);
  },

  async 'retrieve and its replay'() {
    const stream = client.responses.stream({ model, input: 'Count one two' });
    const { id, output_text } = await stream.finalResponse();
    assert.equal((await client.responses.retrieve(id)).output_text, output_text);
    const replayed = await collect(await client.responses.retrieve(id, { stream: true }));
    const rest = await collect(await client.responses.retrieve(id, { stream: true, starting_after: 3 }));
    assert.deepEqual(rest, replayed.slice(4));
    const again = client.responses.stream({ response_id: id, starting_after: -1 });
    assert.equal((await again.finalResponse()).output_text, output_text);
  },

  async 'input items are paged'() {
    const input = Array.from({ length: 25 }, (_, n) => ({ role: 'user', content: `number ${n}` }));
    const { id } = await client.responses.create({ model, input });
    const texts = (items) => items.map((item) => item.content[0].text);
    const ascending = await collect(client.responses.inputItems.list(id, { order: 'asc', limit: 4 }));
    assert.deepEqual(texts(ascending), input.map((item) => item.content));
    const descending = await collect(client.responses.inputItems.list(id, { limit: 10 }));
    assert.deepEqual(texts(descending), texts(ascending).reverse());
  },

  async 'delete, and what is left'() {
    const { id } = await client.responses.create({ model, input: 'Forget me' });
    await client.responses.delete(id);
    await assert.rejects(client.responses.retrieve(id), OpenAI.NotFoundError);
    await assert.rejects(client.responses.delete(id), OpenAI.NotFoundError);
    const next = client.responses.create({ model, input: 'And?', previous_response_id: id });
    await assert.rejects(next, { status: 400, code: 'previous_response_not_found' });
  },

  async 'faults are its own exceptions'() {
    const unknown = client.responses.create({ model: 'nobody/nothing', input: 'x' });
    await assert.rejects(unknown, { status: 400, code: 'model_not_found', param: 'model' });
    const wrong = client.responses.create({ model, input: 'x', truncation: 'bogus' });
    await assert.rejects(wrong, OpenAI.BadRequestError);
  },
};

const outcome = {};
for (const [name, play] of Object.entries(scenarios)) {
  outcome[name] = await play().then(
    () => null,
    (error) => String(error?.stack ?? error),
  );
}
console.log(JSON.stringify(outcome));
