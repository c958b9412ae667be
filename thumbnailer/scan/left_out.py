"""Names that a scan leaves out unless they are named: hidden ones, and those of other programs."""

from __future__ import annotations

from thumbnailer.scan.globs import glob_parts, matches_name

# What a name is that begins with a dot: hidden on all systems but Windows.
HIDDEN = "hidden"

# What a file is whose name does not tell whether it is a picture.
WITHOUT_ENDING = "without an ending"

# Folders and files that are no pictures of the user's, or no longer: what the name stands for, and
# where that is said. A star at one end stands for anything; case does not matter, as on the disks
# that these come from.
LEFT_OUT = {
    # Synology. The first two are in no manual: immich-app/immich, server/src/services/
    # library.service.ts, and simulot/immich-go, readme.md, leave them out, too.
    "@eaDir": "thumbnails and other data about files",
    "SYNOFILE_THUMB_*": "thumbnails, where they were copied out of @eaDir",
    "#recycle": "recycle bin: DSM help, Control Panel > Shared Folder > Create a Shared Folder",
    "#snapshot": "snapshots: DSM help, Snapshot Replication > Snapshots, Make snapshots visible",
    # QNAP: QTS User Guide, Network & File Services > Network Recycle Bin, and Storage & Snapshots.
    "@Recycle": "recycle bin",
    "@Recently-Snapshot": "snapshots",
    # NetApp: ONTAP documentation, Access Snapshot copies from SMB clients.
    "~snapshot": "snapshots",
    # Windows: Microsoft Learn, IRecycleBin and Volume Shadow Copy Service; before Vista RECYCLER.
    "$RECYCLE.BIN": "recycle bin",
    "RECYCLER": "recycle bin",
    "System Volume Information": "restore points and indexes",
    # Linux: mklost+found(8), and the FreeDesktop.org Trash specification 1.0, Trash directories.
    "lost+found": "what e2fsck found",
    ".Trash-*": "trash of a user on a disk",
    # macOS: Photos User Guide, System Photo Library overview; iPhoto and Aperture came before it.
    "*.photoslibrary": "library of Photos",
    "*.photolibrary": "library of iPhoto",
    "*.migratedphotolibrary": "library of iPhoto that Photos has taken over",
    "*.aplibrary": "library of Aperture",
    "Network Trash Folder": "trash on a server: github/gitignore, Global/macOS.gitignore",
    # Adobe: Lightroom Classic User Guide, Smart Previews, and Preference and other file locations.
    "*.lrdata": "previews of Lightroom",
    # Android: platform/packages/providers/MediaProvider, FileUtils.PATTERN_EXPIRES_FILE.
    ".trashed-*": "picture in the trash",
    ".pending-*": "picture that is being written",
    # npm: folders, package.json and node_modules.
    "node_modules": "packages",
}

_NAMES = {name.casefold(): name for name in LEFT_OUT if "*" not in name}
_BEGINNINGS = {name[:-1].casefold(): name for name in LEFT_OUT if name.endswith("*")}
_ENDINGS = {name[1:].casefold(): name for name in LEFT_OUT if name.startswith("*")}

# Nearly all names have neither such a first letter nor such a last one: 0.1 µs instead of 1 µs.
_FIRST = frozenset(
    letter for name in (*_NAMES, *_BEGINNINGS) for letter in name[0] + name[0].upper()
)
_LAST = frozenset(letter for name in _ENDINGS for letter in name[-1] + name[-1].upper())


def left_out_as(name: str) -> str:
    """Return for what a name is left out: `HIDDEN` or one of `LEFT_OUT`; "" if it is not."""
    if not name or (name[0] not in _FIRST and name[-1] not in _LAST):
        return ""
    folded = name.casefold()
    if folded in _NAMES:
        return _NAMES[folded]
    for beginning, pattern in _BEGINNINGS.items():
        if folded.startswith(beginning):
            return pattern
    for ending, pattern in _ENDINGS.items():
        if folded.endswith(ending):
            return pattern
    return HIDDEN if name[0] == "." else ""


def is_named(name: str, glob: str) -> bool:
    """Return whether a glob names what is left out, so that it is not: literally, but for stars.

    A part of the glob must match the name and contain what that is known by: a dot at its
    beginning, or `#recycle`, or `.trashed-`.
    """
    pattern = left_out_as(name)
    known_by = pattern.strip("*").casefold()
    return any(
        matches_name(part, name)
        and (part.startswith(".") if pattern == HIDDEN else known_by in part.casefold())
        for part in glob_parts(glob)
    )
