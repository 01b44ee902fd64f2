/** The microphone as a WAV, which every decoder knows. */

const MOST_S = 30 * 60;

export class Recorder {
  /** @param {(seconds: number, level: number) => void} heard level 0 to 1 */
  constructor(heard) {
    this.heard = heard;
    /** @type {Float32Array[]} */ this.blocks = [];
    this.samples = 0;
  }

  /** Raises an Error in words for people. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("the microphone needs a secure address: open the studio by https or on this computer, or add a file");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      throw new Error(refused(/** @type {Error} */ (error).name));
    }
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("/static/pcm-worklet.js");
    const node = new AudioWorkletNode(this.context, "samples", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = (event) => this.take(event.data);
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  /** @param {Float32Array} block */
  take(block) {
    if (!this.context || this.seconds >= MOST_S) return;
    this.blocks.push(block);
    this.samples += block.length;
    this.heard(this.seconds, Math.max(...block.map(Math.abs)));
  }

  get seconds() {
    return this.context ? this.samples / this.context.sampleRate : 0;
  }

  /** @returns {Promise<File>} */
  async stop() {
    const rate = this.context?.sampleRate ?? 48_000;
    this.stream?.getTracks().forEach((track) => track.stop());
    await this.context?.close();
    return new File([wav(this.blocks, this.samples, rate)], "Your recording.wav", { type: "audio/wav" });
  }
}

/** @param {string} name of a DOMException */
function refused(name) {
  if (name === "NotAllowedError") return "the microphone is not allowed: permit it beside the address, then record again";
  if (name === "NotFoundError") return "no microphone was found: plug one in, or add a file";
  return "the microphone cannot be used now: see whether another program has it, or add a file";
}

/**
 * @param {Float32Array[]} blocks -1 to 1 @param {number} samples @param {number} rate hertz
 * @returns {ArrayBuffer} Mono, 16 bits a sample.
 */
export function wav(blocks, samples, rate) {
  const buffer = new ArrayBuffer(44 + 2 * samples);
  const view = new DataView(buffer);
  const text = (/** @type {number} */ at, /** @type {string} */ letters) =>
    [...letters].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // plain samples
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples, true);
  let at = 44;
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(at, Math.round(32_767 * Math.max(-1, Math.min(1, sample))), true);
      at += 2;
    }
  }
  return buffer;
}
