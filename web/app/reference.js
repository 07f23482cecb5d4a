// The API page: the OpenAPI document, drawn for reading.

import * as api from './api.js';
import { make, say, stamp } from './parts.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];
let schemas = {};

async function draw() {
  const main = document.getElementById('api');
  let document_;
  try {
    document_ = await api.openapi();
  } catch (problem) {
    main.replaceChildren(make('p', { className: 'box quiet' }, problem.message));
    return;
  }
  schemas = document_.components?.schemas ?? {};
  const { title = 'API', version = '', description = '' } = document_.info ?? {};
  say(document.getElementById('api-title'), [title, version].filter(Boolean).join(' '));
  if (description) document.getElementById('api-words').replaceChildren(...spoken(description));
  const groups = grouped(document_.paths ?? {}, document_.tags);
  main.replaceChildren(...[...groups].map(([tag, list]) => section(tag, list, document_.tags)));
  document.getElementById('api-index').replaceChildren(...[...groups].map(([tag, list]) => index(tag, list)));
  openAddressed();
}

/** Operations by tag, in the order in which the document lists its tags. */
function grouped(paths, tags = []) {
  const groups = new Map(tags.map(({ name }) => [name, []]));
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const operation = item[method];
      const tag = operation.tags?.[0] ?? 'Other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ path, method, operation, shared: item.parameters ?? [] });
    }
  }
  return new Map([...groups].filter(([, list]) => list.length));
}

/** Words in which `this` is code. */
const spoken = (text = '') => text.split('`').map((part, place) => (place % 2 ? make('code', {}, part) : part));

const anchor = ({ method, path }) => `${method}${path.replace(/[^a-z0-9]+/gi, '-')}`;
const spelled = (tag) => tag.charAt(0).toUpperCase() + tag.slice(1);

function index(tag, list) {
  const links = list.map((entry) => {
    const link = make('a', { href: `#${anchor(entry)}` }, make('b', { className: entry.method }, entry.method), make('span', {}, ...breakable(entry.path)));
    return make('li', {}, link);
  });
  return make('div', {}, make('h2', {}, spelled(tag)), make('ul', {}, ...links));
}

/** A path that may break before each of its parts. */
const breakable = (path) => path.split(/(?=\/)/).flatMap((part) => [make('wbr'), part]);

function section(tag, list, tags = []) {
  const words = tags.find((each) => each.name === tag)?.description;
  return make('section', {}, make('h2', { className: 'section' }, spelled(tag)), words && make('p', { className: 'small' }, words), ...list.map(operationBox));
}

function operationBox(entry) {
  const { method, path, operation, shared } = entry;
  const box = stamp('operation');
  box.id = anchor(entry);
  const badge = box.querySelector('.method');
  badge.classList.add(method);
  say(badge, method.toUpperCase());
  say(box.querySelector('.path'), path);
  say(box.querySelector('.summary'), operation.summary ?? firstLine(operation.description));
  const body = box.querySelector('.operation-body');
  if (operation.description && operation.description !== operation.summary) {
    body.append(...operation.description.split(/\n\s*\n/).map((text) => make('p', { className: 'words' }, ...spoken(text))));
  }
  body.append(curl(method, path, operation));
  const parameters = [...shared, ...(operation.parameters ?? [])];
  if (parameters.length) body.append(fields('What it takes', parameters.map(parameterField)));
  for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
    body.append(fields(`Body, ${type}`, propertyFields(schema)));
  }
  body.append(answers(operation.responses ?? {}));
  return box;
}

const firstLine = (text = '') => text.split('\n')[0];

function curl(method, path, operation) {
  const types = Object.keys(operation.requestBody?.content ?? {});
  const parts = ['curl'];
  if (types.includes('multipart/form-data')) parts.push('-F file=@film.mkv');
  else if (method === 'head') parts.push('-I');
  else if (method !== 'get') parts.push(`-X ${method.toUpperCase()}`);
  if (operation.security?.some((scheme) => 'admin' in scheme)) parts.push("-H 'Authorization: Bearer …'");
  if (types.includes('application/json')) parts.push("-H 'Content-Type: application/json' -d '{…}'");
  parts.push(`${location.origin}${path}`);
  return make('pre', { tabIndex: 0 }, make('code', {}, parts.join(' ')));
}

function fields(heading, items) {
  const box = stamp('fields');
  say(box.querySelector('h4'), heading);
  box.querySelector('ul').append(...items);
  return box;
}

function field(name, type, words, required) {
  const item = stamp('field');
  say(item.querySelector('code'), name);
  say(item.querySelector('.type'), `${type}${required ? ', needed' : ''}`);
  item.querySelector('.words').append(...spoken(words));
  return item;
}

const parameterField = ({ name, in: place, schema, description, required }) => field(name, `${typeOf(schema)} in the ${place}`, description, required);

function propertyFields(schema, depth = 0, before = '') {
  const whole = resolved(schema);
  const inner = whole.type === 'array' || isList(whole) ? resolved(whole.items) : whole;
  const properties = Object.entries(inner.properties ?? {});
  return properties.flatMap(([name, value]) => {
    const own = field(`${before}${name}`, typeOf(value), value.description ?? resolved(value).description, inner.required?.includes(name));
    const below = isList(resolved(value)) ? resolved(value).items : value;
    const deeper = depth < 2 && resolved(below).properties ? propertyFields(below, depth + 1, `${before}${name}${isList(resolved(value)) ? '[]' : ''}.`) : [];
    return [own, ...deeper];
  });
}

const isList = (schema) => [schema.type].flat().includes('array');

/** Follows a reference, and takes the meaningful one of "this or null". */
function resolved(schema) {
  if (!schema) return {};
  if (schema.$ref) return resolved(schemas[schema.$ref.split('/').at(-1)]);
  const either = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (either && !schema.properties) return resolved(either.find((each) => each.type !== 'null'));
  return schema;
}

function typeOf(schema) {
  if (!schema) return 'text';
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return either.map(typeOf).join(' or ');
  const real = resolved(schema);
  if (real.enum) return real.enum.map(String).join(' | ');
  if (isList(real)) return `list of ${typeOf(real.items)}`;
  const named = { string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false', object: 'object', null: 'null' };
  const types = [real.type ?? 'object'].flat().map((type) => named[type] ?? type).join(' or ');
  return real.format && real.type === 'string' ? real.format : types;
}

function answers(responses) {
  const box = stamp('fields');
  say(box.querySelector('h4'), 'What it answers');
  for (const [status, response] of Object.entries(responses)) {
    const item = stamp('answer');
    const badge = item.querySelector('.badge');
    say(badge, status);
    badge.classList.toggle('ok', status.startsWith('2'));
    const [[type, content] = []] = Object.entries(response.content ?? {});
    item.querySelector('.words').append(...spoken([response.description, type].filter(Boolean).join(' · ')));
    const inside = status.startsWith('2') && content ? propertyFields(content.schema) : [];
    if (inside.length) item.append(make('ul', {}, ...inside));
    box.querySelector('ul').append(item);
  }
  return box;
}

function openAddressed() {
  const wanted = document.getElementById(location.hash.slice(1));
  if (!wanted?.matches('details')) return;
  wanted.open = true;
  wanted.scrollIntoView();
}

addEventListener('hashchange', openAddressed);
draw();
