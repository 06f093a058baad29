# SPDX-License-Identifier: MIT
"""Flattened device trees (Devicetree Specification 0.4, chapter 5), taken apart and put together."""
import struct

MAGIC = 0xd00dfeed
BEGIN, END, PROPERTY, NOP, LAST = 1, 2, 3, 4, 9


class Node:
    """Properties are bytes by name; children are nodes by name, in order."""

    def __init__(self):
        self.properties = {}
        self.children = {}

    def child(self, path):
        node = self
        for name in path.strip('/').split('/'):
            node = node.children[name]
        return node


def cells(*values):
    return struct.pack('>%dI' % len(values), *values)


def parse(blob):
    at, strings = struct.unpack_from('>II', blob, 8)
    stack = []
    while True:
        token, = struct.unpack_from('>I', blob, at)
        at += 4
        if token == BEGIN:
            end = blob.index(b'\0', at)
            node = Node()
            if stack:
                stack[-1].children[blob[at:end].decode()] = node
            stack.append(node)
            at = (end + 4) & ~3
        elif token == PROPERTY:
            size, name = struct.unpack_from('>II', blob, at)
            start = strings + name
            key = blob[start:blob.index(b'\0', start)].decode()
            stack[-1].properties[key] = blob[at + 8:at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == END:
            root = stack.pop()
            if not stack:
                return root
        elif token != NOP:
            raise ValueError('token %#x' % token)


def build(root, reserved=()):
    """The blob of the tree; @reserved: pairs of address and size for its memory reservation block."""
    strings, places, out = bytearray(), {}, bytearray()

    def place(name):
        if name not in places:
            places[name] = len(strings)
            strings.extend(name.encode() + b'\0')
        return places[name]

    def pad():
        out.extend(bytes(-len(out) % 4))

    def put(name, node):
        out.extend(cells(BEGIN) + name.encode() + b'\0')
        pad()
        for key, value in node.properties.items():
            out.extend(cells(PROPERTY, len(value), place(key)) + value)
            pad()
        for key, child in node.children.items():
            put(key, child)
        out.extend(cells(END))

    put('', root)
    out.extend(cells(LAST))
    ranges = b''.join(struct.pack('>QQ', *pair) for pair in (*reserved, (0, 0)))
    structure = 40 + len(ranges)
    header = cells(MAGIC, structure + len(out) + len(strings), structure, structure + len(out), 40, 17, 16, 0,
                   len(strings), len(out))
    return header + ranges + bytes(out) + bytes(strings)
