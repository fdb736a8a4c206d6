#!/usr/bin/env python3
"""Derive the simulator's parameter table (assets/sim/methods.json) from the official API schema.

    tools/sim-table.py api-schema.json [assets/sim/methods.json]

Only facts are kept: methods, paths, parameter names, types, limits, formats, permission checks. Parameters that
look the same are written once in `specs` and referred to by their index.
"""
import json
import sys

DROP = {'description', 'verbose_description', 'typetext', 'default', 'format_description', 'title', 'renderer', 'default_key_description'}


def clean(spec):
    out = {}
    for key, value in spec.items():
        if key in DROP:
            continue
        if key == 'properties' or (key == 'format' and isinstance(value, dict)):
            value = {name: clean(inner) for name, inner in value.items()}
        elif key == 'items':
            value = clean(value)
        elif key == 'oneOf':
            value = [clean(x) for x in value]
        out[key] = value
    return out


def walk(tree):
    for node in tree:
        for info in node.get('info', {}).values():
            yield node['path'], info
        yield from walk(node.get('children', []))


def properties(parameters):
    """The parameters of a method; alternatives (allOf, oneOf) are put together, those of a choice as optional ones."""
    out = dict(parameters.get('properties', {}))
    for part in parameters.get('allOf', []):
        out.update(properties(part))
    for part in parameters.get('oneOf', []):
        for name, spec in properties(part).items():
            spec = {**spec, 'optional': 1}
            if name in out:
                spec.pop('enum', None)
            out[name] = spec
    if isinstance(parameters.get('type-property'), str):
        out[parameters['type-property']] = parameters.get('type-property-schema', {'type': 'string'})
    return out


def main():
    schema = json.load(open(sys.argv[1]))
    target = sys.argv[2] if len(sys.argv) > 2 else 'assets/sim/methods.json'
    specs, methods = {}, []
    for path, info in walk(schema):
        params = {}
        for name, spec in properties(info.get('parameters', {})).items():
            params[name] = specs.setdefault(json.dumps(clean(spec), sort_keys=True, separators=(',', ':')), len(specs))
        entry = {'m': info['method'], 'p': path, 'a': params}
        permissions = info.get('permissions')
        if permissions:
            entry['c'] = {k: v for k, v in permissions.items() if k != 'description'}
        if info.get('protected'):
            entry['r'] = 1
        if info.get('proxyto'):
            entry['n'] = 1
        if not info.get('allowtoken', 1):
            entry['t'] = 0
        if info.get('parameters', {}).get('additionalProperties', 0):
            entry['x'] = 1
        methods.append(entry)
    with open(target, 'w') as out:
        out.write('{"specs":[\n' + ',\n'.join(specs) + '\n],"methods":[\n')
        out.write(',\n'.join(json.dumps(m, sort_keys=True, separators=(',', ':')) for m in methods))
        out.write('\n]}\n')
    print(f'{len(methods)} methods, {len(specs)} specs -> {target}')


if __name__ == '__main__':
    main()
