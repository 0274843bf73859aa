"use strict";
// The editor works without this file. It shows each form as it is typed, and puts a fact where the cursor was.

const editor = document.querySelector("form[data-editor]");
if (editor) {
  let last = editor.querySelector("textarea"), timer = 0, asked = 0;

  const look = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(editor.dataset.editor, {method: "POST", body: new URLSearchParams(new FormData(editor))});
      if (!answer.ok || mine !== asked) return; // what was shown stays until there is something better
      const part = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const now of part.querySelectorAll("[data-look]")) {
        const place = editor.querySelector(`[data-look="${CSS.escape(now.dataset.look)}"]`);
        if (place) place.replaceChildren(...now.childNodes); // from our own server, escaped there
      }
    } catch { /* offline for a moment: the button still works */ }
  };

  editor.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 600); });
  editor.addEventListener("focusin", (event) => { if (event.target.matches("textarea, input[name^='title.']")) last = event.target; });

  for (const code of editor.querySelectorAll("code[data-insert]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = code.dataset.insert;
    button.setAttribute("aria-label", `${code.dataset.insert} ${code.textContent}`);
    button.addEventListener("click", () => {
      if (!last) return;
      last.setRangeText(code.textContent, last.selectionStart, last.selectionEnd, "end");
      last.focus();
      last.dispatchEvent(new Event("input", {bubbles: true}));
    });
    code.after(button);
  }

  let dirty = false;
  editor.addEventListener("input", () => { dirty = true; });
  editor.addEventListener("submit", () => { dirty = false; });
  window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
}
