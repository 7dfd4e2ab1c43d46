// SPDX-License-Identifier: Apache-2.0
// Reads the frame's id out of the picture's upper left corner (docs/console.md, "Time marks").
const COLUMNS = 18;
const ROWS = 2;
const MIDDLE = 120;
const LEAST = 176 / 6; // of a square's luma from the middle

const canvas = new OffscreenCanvas(COLUMNS * 8, ROWS * 8);
const context = canvas.getContext('2d', { willReadFrequently: true });

// Luma as the mark has it (limited range) of the inner half of a square.
function luma(pixels, x0, y0, side) {
  let sum = 0;
  let n = 0;
  for (let y = y0 + side / 4; y < y0 + side - side / 4; y++) {
    for (let x = x0 + side / 4; x < x0 + side - side / 4; x++, n++)
      sum += pixels[(y * canvas.width + x) * 4 + 1];
  }
  return 16 + sum / n * 219 / 255;
}

// null: there is no mark.
export function readPixels(pixels, side) {
  let id = 0;
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const off = luma(pixels, column * side, row * side, side) - MIDDLE;
      if (Math.abs(off) < LEAST)
        return null;
      const isEdge = column === 0 || column === COLUMNS - 1;
      if (isEdge && (off > 0) !== (column !== 0))
        return null;
      if (!isEdge && off > 0)
        id += 2 ** (row * (COLUMNS - 2) + column - 1);
    }
  }
  return id;
}

export function readMark(video) {
  const side = video.videoWidth < 480 ? 4 : 8;
  const [width, height] = [COLUMNS * side, ROWS * side];
  if (video.videoWidth < width || video.videoHeight < height)
    return null;
  context.drawImage(video, 0, 0, width, height, 0, 0, width, height);
  return readPixels(context.getImageData(0, 0, canvas.width, canvas.height).data, side);
}
