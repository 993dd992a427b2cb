// The official SDK for Node has a server's tools called by the models that are named, at BASE_URL.
// Prints one JSON object: by scenario null, or what went wrong.

import assert from 'node:assert/strict';
import OpenAI from 'openai';

const [baseURL, ...models] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'anything', maxRetries: 0 });
const tool = {
  type: 'mcp',
  server_label: 'tools',
  server_url: 'mcp://tools',
  require_approval: 'never',
};
const kinds = (response) => response.output.map((item) => item.type);
const CALLED_TWICE = ['mcp_list_tools', 'mcp_call', 'mcp_call', 'message'];

const scenarios = {
  async create(model) {
    const response = await client.responses.create({ model, input: 'Add', tools: [tool] });
    assert.deepEqual(kinds(response), CALLED_TWICE);
    assert.equal(response.output[2].output, '7');
    assert.equal(response.output_text, 'It is 7.');
  },

  async 'create as a stream'(model) {
    const stream = await client.responses.create({ model, input: 'Add', tools: [tool], stream: true });
    const events = [];
    for await (const event of stream) events.push(event);
    assert.deepEqual(
      events.map((event) => event.sequence_number),
      events.map((_, index) => index),
    );
    assert.equal(events.filter((event) => event.type === 'response.mcp_call.completed').length, 2);
  },

  async 'the stream helper'(model) {
    const stream = client.responses.stream({ model, input: 'Add', tools: [tool] });
    assert.deepEqual(kinds(await stream.finalResponse()), CALLED_TWICE);
  },

  async 'an approval'(model) {
    const tools = [{ ...tool, require_approval: 'always' }];
    const first = await client.responses.create({ model, input: 'Add', tools });
    const request = first.output.at(-1);
    assert.equal(request.type, 'mcp_approval_request');
    const second = await client.responses.create({
      model,
      tools,
      previous_response_id: first.id,
      input: [{ type: 'mcp_approval_response', approval_request_id: request.id, approve: true }],
    });
    assert.equal(second.output[0].approval_request_id, request.id);
    assert.equal(second.output[0].output, '3');
  },
};

const outcome = {};
for (const model of models) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    outcome[`${name}, ${model}`] = await scenario(model).then(
      () => null,
      (error) => error.stack,
    );
  }
}
console.log(JSON.stringify(outcome));
