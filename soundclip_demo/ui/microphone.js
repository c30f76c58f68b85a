// Body of js_on_load: says why there is no microphone, which Gradio's recorder keeps to itself.
const said = element.querySelector('.microphone-said');
const devices = navigator.mediaDevices;

function say(words) {
  said.textContent = words;
  said.hidden = !words;
}

if (devices) {
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    try {
      const stream = await ask(wanted);
      say('');
      return stream;
    } catch (error) {
      say(props.words[error.name] || props.words.other);
      throw error;
    }
  };
} else say(props.words.insecure);
