// SPDX-License-Identifier: Apache-2.0
// Tells the RTP timestamp of each encoded frame.
self.onrtctransform = async ({ transformer }) => {
  const reader = transformer.readable.getReader();
  const writer = transformer.writable.getWriter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done)
      return;
    self.postMessage(value.getMetadata().rtpTimestamp ?? value.timestamp);
    writer.write(value);
  }
};
