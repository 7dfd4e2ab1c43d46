# SPDX-License-Identifier: Apache-2.0
"""What web/openapi.json says, and whether answers are so. Of JSON Schema only the words that the
file uses are known; another one is an error, so that nothing goes unchecked."""
import json
import re

from _kit import Mismatch

TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}
NOTES = {'description', 'format', 'default', 'maxLength'}
METHODS = ('get', 'head', 'post', 'put', 'patch', 'delete', 'options')


def _is_type(value, name):
    if name in ('integer', 'number'):
        kinds = int if name == 'integer' else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class OpenApi:
    def __init__(self, text):
        self.document = json.loads(text)
        self.operations = {(method, path): item[method]
                           for path, item in self.document['paths'].items()
                           for method in METHODS if method in item}

    def resolve(self, value):
        while '$ref' in value:
            parts = value['$ref'].removeprefix('#/').split('/')
            value = self.document
            for part in parts:
                value = value[part]
        return value

    def schema(self, name):
        return self.document['components']['schemas'][name]

    def check(self, value, schema, at='body'):
        schema = self.resolve(schema)
        for word, wanted in schema.items():
            if word not in NOTES:
                getattr(self, '_' + word)(value, wanted, schema, at)

    def _fail(self, at, expected, value):
        raise Mismatch(f'{at}: expected {expected}, found {json.dumps(value)[:200]}')

    def _type(self, value, wanted, _, at):
        names = wanted if isinstance(wanted, list) else [wanted]
        if not any(_is_type(value, name) for name in names):
            self._fail(at, ' or '.join(names), value)

    def _required(self, value, wanted, _, at):
        if isinstance(value, dict) and set(wanted) - set(value):
            self._fail(at, f'the keys {sorted(set(wanted) - set(value))}', value)

    def _properties(self, value, wanted, _, at):
        for key in value if isinstance(value, dict) else []:
            if key in wanted:
                self.check(value[key], wanted[key], f'{at}.{key}')

    def _additionalProperties(self, value, wanted, schema, at):
        assert wanted is False
        if isinstance(value, dict) and set(value) - set(schema.get('properties', {})):
            self._fail(at, 'no other keys', sorted(set(value) - set(schema['properties'])))

    def _items(self, value, wanted, _, at):
        for i, item in enumerate(value if isinstance(value, list) else []):
            self.check(item, wanted, f'{at}[{i}]')

    def _minItems(self, value, wanted, _, at):
        if isinstance(value, list) and len(value) < wanted:
            self._fail(at, f'at least {wanted} elements', value)

    def _maxItems(self, value, wanted, _, at):
        if isinstance(value, list) and len(value) > wanted:
            self._fail(at, f'at most {wanted} elements', value)

    def _enum(self, value, wanted, _, at):
        if value not in wanted:
            self._fail(at, f'one of {wanted}', value)

    def _pattern(self, value, wanted, _, at):
        if isinstance(value, str) and not re.search(wanted, value):
            self._fail(at, f'a text like {wanted}', value)

    def _minimum(self, value, wanted, _, at):
        if isinstance(value, (int, float)) and value < wanted:
            self._fail(at, f'at least {wanted}', value)

    def _maximum(self, value, wanted, _, at):
        if isinstance(value, (int, float)) and value > wanted:
            self._fail(at, f'at most {wanted}', value)

    def _oneOf(self, value, wanted, _, at):
        said = []
        for schema in wanted:
            try:
                self.check(value, schema, at)
                said.append(None)
            except Mismatch as e:
                said.append(str(e))
        if said.count(None) != 1:
            raise Mismatch(f'{at}: expected exactly one of {len(wanted)} forms: {said}')

    def check_answer(self, method, path, answer):
        """Status, content type, headers and the form of a JSON body, as the operation says."""
        operation = self.operations[method, path]
        at = f'{method.upper()} {path}: {answer.status}'
        if str(answer.status) not in operation['responses']:
            raise Mismatch(f'{at}: expected one of {sorted(operation["responses"])}: {answer.body}')
        response = self.resolve(operation['responses'][str(answer.status)])
        for name, header in response.get('headers', {}).items():
            if name not in answer.headers:
                raise Mismatch(f'{at}: expected the header {name}')
            self.check(answer.headers[name], header['schema'], f'{at}: {name}')
        content = response.get('content', {})
        found = answer.headers.get('Content-Type')
        if (found is not None or content) and found not in content:
            raise Mismatch(f'{at}: expected Content-Type {sorted(content)}, found {found}')
        if not content and answer.body:
            raise Mismatch(f'{at}: expected no body, found {answer.body[:100]}')
        if found == 'application/json':
            self.check(json.loads(answer.body), content[found]['schema'], at)
