/** The preview: the portrait as the renderer frames it. */

const FACE_SHARE = 0.46; // of the frame's short side
const FACE_SHARE_LIMIT = 0.68;
const FACE_CENTRE = 0.47; // of the frame's height
const SHORT_SIDE = 512;

/** @param {string} aspect @returns {[number, number]} width and height, pixels */
export function frameSize(aspect) {
  const long = Math.round((SHORT_SIDE * 16) / 9);
  if (aspect === "9:16") return [SHORT_SIDE, long];
  return aspect === "16:9" ? [long, SHORT_SIDE] : [SHORT_SIDE, SHORT_SIDE];
}

/**
 * Scale and shift from the picture to the frame.
 * @param {{width: number, height: number}} picture
 * @param {import("./order.js").Box | null} box of the face; without one the picture is centred
 * @param {[number, number]} frame
 */
export function framing(picture, box, [width, height]) {
  const fits = Math.max(width / picture.width, height / picture.height);
  const face = box ? withoutHair(box) : { left: 0, right: picture.width, top: 0, bottom: picture.height };
  const tall = face.bottom - face.top;
  const wanted = box ? (FACE_SHARE * SHORT_SIDE) / tall : fits;
  const limit = box ? (FACE_SHARE_LIMIT * SHORT_SIDE) / tall : fits;
  const scale = Math.min(Math.max(wanted, fits), Math.max(limit, wanted));
  const share = height <= width ? FACE_CENTRE : FACE_CENTRE * 0.9;
  return {
    scale,
    x: kept(width / 2 - (scale * (face.left + face.right)) / 2, width - scale * picture.width),
    y: kept(share * height - (scale * (face.top + face.bottom)) / 2, height - scale * picture.height),
  };
}

/** The renderer frames the face from forehead to chin. @param {import("./order.js").Box} box */
function withoutHair(box) {
  return { ...box, top: box.bottom - (box.bottom - box.top) / 1.25 };
}

/** @param {number} shift @param {number} slack of the frame beside the picture */
function kept(shift, slack) {
  return slack > 0 ? slack / 2 : Math.min(0, Math.max(shift, slack));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {ImageBitmap} image
 * @param {import("./order.js").Box | null} box
 * @param {string} aspect
 */
export function draw(canvas, image, box, aspect) {
  const frame = frameSize(aspect);
  [canvas.width, canvas.height] = frame;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const cover = Math.max(frame[0] / image.width, frame[1] / image.height) * 1.1;
  context.filter = "blur(18px)"; // what lies beyond the picture's edge is out of focus
  paint(context, image, cover, (frame[0] - cover * image.width) / 2, (frame[1] - cover * image.height) / 2);
  context.filter = "none";
  const { scale, x, y } = framing(image, box, frame);
  paint(context, image, scale, x, y);
}

/** Where captions will stand that are part of the picture. @param {HTMLCanvasElement} canvas */
export function drawCaption(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const text = "Captions look like this";
  const size = Math.round(canvas.height * 0.045);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.lineWidth = size / 5;
  context.lineJoin = "round";
  context.strokeStyle = "#000";
  context.fillStyle = "#fff";
  const [x, y] = [canvas.width / 2, canvas.height * 0.93];
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

/** @param {CanvasRenderingContext2D} context @param {ImageBitmap} image @param {number} scale @param {number} x @param {number} y */
function paint(context, image, scale, x, y) {
  context.drawImage(image, x, y, scale * image.width, scale * image.height);
}
