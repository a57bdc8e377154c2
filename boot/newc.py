"""Writes cpio archives in the newc format, the same bytes for the same content."""

import stat


class Archive:
    """An archive in memory: entries in the order of the calls, no times, owned by root."""

    def __init__(self):
        self.parts = []
        self.size = 0
        self.count = 0

    def _add(self, data, alignment):
        padding = -(self.size + len(data)) % alignment
        self.parts += [data, bytes(padding)]
        self.size += len(data) + padding

    def entry(self, name, mode, content=b'', device=(0, 0)):
        """One entry; mode is st_mode, with the type of file in it."""
        self.count += 1
        encoded = name.encode() + b'\0'
        fields = [self.count, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0]
        self._add(b'070701' + b''.join(b'%08X' % f for f in fields) + encoded, 4)
        self._add(content, 4)

    def file(self, name, content, executable=False):
        self.entry(name, stat.S_IFREG | (0o755 if executable else 0o644), content)

    def folder(self, name):
        self.entry(name, stat.S_IFDIR | 0o755)

    def link(self, name, target):
        self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name, major, minor):
        self.entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def finish(self):
        """The whole archive; call it once."""
        self.count = -1     # the trailer's inode number is 0
        self.entry('TRAILER!!!', 0)
        self._add(b'', 512)
        return b''.join(self.parts)
