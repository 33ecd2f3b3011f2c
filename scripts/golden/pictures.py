"""Makes tests/data/pictures: small pictures of every kind, and pictures.safetensors with what Pillow makes of them.

    pip install pillow==10.2.0
    python scripts/golden/pictures.py

NAME.png / NAME.jpg are read with Image.open(...).convert("RGB") into tensor NAME, (height, width, 3) u8. resize.N.input
and resize.N.output are Image.resize(size, BILINEAR). PNG files are written here, since Pillow writes few of the kinds.
"""
import json
import os
import random
import struct
import zlib

from PIL import Image

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "data", "pictures")
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(row, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", v) for v in row)
    bits = "".join(format(v, f"0{depth}b") for v in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(path, width, height, depth, kind, limit=None, interlaced=False, extra=()):
    rng = random.Random(path)
    channels = CHANNELS[kind]
    limit = limit or 1 << depth
    pixels = [[[rng.randrange(limit) for _ in range(channels)] for _ in range(width)] for _ in range(height)]
    lines = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        for y in range(y0, height, dy):
            row = [v for x in range(x0, width, dx) for v in pixels[y][x]]
            if row:
                lines += b"\0" + packed(row, depth)
    with open(os.path.join(OUT, path), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))))
        for name, data in extra:
            f.write(chunk(name, data))
        f.write(chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def make_pngs():
    rng = random.Random(7)
    colours = lambda count: (b"PLTE", bytes(rng.randrange(256) for _ in range(3 * count)))
    png("grey1.png", 13, 5, 1, GREY)
    png("grey2.png", 7, 5, 2, GREY)
    png("grey4.png", 7, 5, 4, GREY)
    png("grey8.png", 7, 5, 8, GREY)
    png("grey8_key.png", 7, 5, 8, GREY, limit=4, extra=[(b"tRNS", struct.pack(">H", 2))])
    png("grey_alpha8.png", 7, 5, 8, GREY_ALPHA)
    png("grey_alpha16.png", 7, 5, 16, GREY_ALPHA)
    png("rgb8.png", 7, 5, 8, RGB)
    png("rgb8_gamma.png", 7, 5, 8, RGB, extra=[(b"gAMA", struct.pack(">I", 100000))])
    png("rgb8_interlaced.png", 11, 9, 8, RGB, interlaced=True)
    png("rgb16.png", 7, 5, 16, RGB)
    png("rgba8.png", 7, 5, 8, RGBA)
    png("rgba16.png", 7, 5, 16, RGBA)
    png("palette2.png", 7, 5, 2, PALETTE, extra=[colours(4)])
    png("palette8.png", 7, 5, 8, PALETTE, limit=200, extra=[colours(200), (b"tRNS", bytes(range(100)))])
    png("grey16.png", 7, 5, 16, GREY)


def smooth(width, height, seed):
    """A picture without hard edges, which decoders of JPEG agree on."""
    rng = random.Random(seed)
    low = Image.frombytes("RGB", (4, 3), bytes(rng.randrange(256) for _ in range(36)))
    return low.resize((width, height), Image.BICUBIC)


def make_jpegs():
    save = lambda image, name, **how: image.save(os.path.join(OUT, name), quality=90, **how)
    save(smooth(37, 21, 1), "rgb444.jpg", subsampling=0)
    save(smooth(37, 21, 2), "rgb420.jpg", subsampling=2)
    save(smooth(37, 21, 3), "progressive.jpg", subsampling=0, progressive=True)
    save(smooth(37, 21, 4).convert("L"), "grey.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    save(smooth(37, 21, 5), "exif.jpg", subsampling=0, exif=exif)
    save(smooth(37, 21, 6).convert("CMYK"), "cmyk.jpg")


def resizes():
    rng = random.Random(11)
    for size_in, size_out in [((5, 4), (9, 3)), ((1, 1), (3, 2)), ((40, 3), (7, 3)), ((3, 40), (3, 7)), ((17, 13), (16, 16)), ((64, 48), (14, 14))]:
        image = Image.frombytes("RGB", size_in, bytes(rng.choice([0, 255, rng.randrange(256)]) for _ in range(3 * size_in[0] * size_in[1])))
        yield image, image.resize(size_out, Image.BILINEAR)


def write_safetensors(path, images):
    header, data = {}, b""
    for name, image in sorted(images.items()):
        raw = image.tobytes()
        header[name] = dict(dtype="U8", shape=[image.height, image.width, 3], data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def main():
    os.makedirs(OUT, exist_ok=True)
    make_pngs()
    make_jpegs()
    expected = {}
    for name in sorted(os.listdir(OUT)):
        if name.endswith((".png", ".jpg")):
            expected[name] = Image.open(os.path.join(OUT, name)).convert("RGB")
    # Pillow clips 16-bit grey to 255, which leaves a white picture; we keep the high byte, as Pillow does for colours.
    grey16 = Image.open(os.path.join(OUT, "grey16.png"))
    high = Image.frombytes("L", grey16.size, bytes(v >> 8 for v in grey16.getdata()))
    expected["grey16.png"] = high.convert("RGB")
    for n, (before, after) in enumerate(resizes()):
        expected[f"resize.{n}.input"], expected[f"resize.{n}.output"] = before, after
    write_safetensors(os.path.join(OUT, "pictures.safetensors"), expected)


main()
