// What the pages gain from a script. Each of them works without it.
//
// No text is written here: a page brings the sentences it needs in data-text attributes. Nothing is kept in the browser,
// nothing is requested, and messages are sent to exact origins only.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const SOURCE = "tower-auth";
  const WINDOW = "tower-auth-";

  document.documentElement.classList.add("js");

  // Show and hide what was typed into a secret field.
  const reveal = (button) => {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    const set = (shown) => {
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
      button.textContent = shown ? button.dataset.textHide : button.dataset.textShow;
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      set(input.type === "password");
      input.focus();
    });
    // Browsers offer texts of ordinary inputs again later, but not those of password inputs.
    input.form.addEventListener("submit", () => set(false));
  };

  // Fields: which are asked for, what is wrong with them. The server checks the same, and more.
  const fieldsOf = (form) => all("[data-field]", form);
  const inputOf = (field) => one("input, select, textarea", field);
  const valueOf = (input) => (input.type === "checkbox" ? String(input.checked) : input.value);

  const isAskedFor = (field, fields, depth = 0) => {
    const other = fields.find((each) => each.dataset.field === field.dataset.when);
    if (!other || depth > fields.length) return true;
    return isAskedFor(other, fields, depth + 1) && JSON.parse(field.dataset.whenValues).includes(valueOf(inputOf(other)));
  };
  const showAskedFor = (form) => {
    const fields = fieldsOf(form);
    for (const field of fields.filter((each) => "when" in each.dataset)) {
      field.hidden = !isAskedFor(field, fields);
      // What is disabled is not sent.
      inputOf(field).disabled = field.hidden;
    }
  };

  // Somebody pastes a whole address into the place of one part.
  const trim = (input) => {
    if (input.tagName !== "INPUT" || input.type !== "text") return;
    const { prefix, suffix } = input.dataset;
    let value = input.value.trim();
    if (prefix && value.startsWith(prefix)) value = value.slice(prefix.length);
    const end = suffix ? value.indexOf(suffix) : -1;
    if (end >= 0 && /^$|^[/?#]/.test(value.slice(end + suffix.length))) value = value.slice(0, end);
    input.value = value;
  };

  const isJson = (text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const fits = (pattern, value) => {
    try {
      return new RegExp(`^(?:${pattern})$`, "u").test(value);
    } catch {
      return true; // Not every pattern of the server is one here. The server decides.
    }
  };
  const mistake = (field, texts) => {
    const input = inputOf(field);
    if (input.disabled || input.type === "checkbox") return "";
    if (input.value === "") {
      if (!("required" in field.dataset)) return "";
      const text = input.tagName === "SELECT" ? texts.textChoose : texts.textRequired;
      return text.replace("#", () => field.dataset.title);
    }
    if (field.dataset.kind === "pem" && !input.value.trimStart().startsWith("-----BEGIN ")) return texts.textPem;
    if (field.dataset.kind === "json" && !isJson(input.value)) return texts.textJson;
    if (field.dataset.pattern && !fits(field.dataset.pattern, input.value)) return texts.textPattern;
    return "";
  };
  const showMistake = (field, text, texts) => {
    const input = inputOf(field);
    const error = one(".error", field);
    if (!error) return;
    error.replaceChildren();
    if (text) {
      const word = document.createElement("span");
      word.className = "hidden";
      word.textContent = texts.textError;
      error.append(word, text);
    }
    error.hidden = !text;
    field.classList.toggle("field-bad", Boolean(text));
    const others = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== error.id);
    const ids = text ? [error.id, ...others] : others;
    if (ids.length) input.setAttribute("aria-describedby", ids.join(" "));
    else input.removeAttribute("aria-describedby");
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const summarize = (form, mistakes) => {
    const summary = one("[data-summary]");
    if (!summary) return;
    summary.hidden = mistakes.length === 0;
    one("ul", summary).replaceChildren(
      ...mistakes.map(([field, text]) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = `#${inputOf(field).id}`;
        link.textContent = `${field.dataset.title}: ${text}`;
        item.append(link);
        return item;
      }),
    );
    if (mistakes.length) summary.focus();
  };

  const checked = (form) => {
    form.noValidate = true;
    showAskedFor(form);
    const checkOne = (field) => {
      trim(inputOf(field));
      const text = mistake(field, form.dataset);
      showMistake(field, text, form.dataset);
      return text;
    };
    form.addEventListener("input", () => showAskedFor(form));
    form.addEventListener("change", (event) => {
      showAskedFor(form);
      const field = event.target.closest("[data-field]");
      if (field) checkOne(field);
    });
    form.addEventListener("submit", (event) => {
      const mistakes = fieldsOf(form).map((field) => [field, checkOne(field)]).filter(([, text]) => text);
      summarize(form, mistakes);
      if (mistakes.length) event.preventDefault();
    });
    // The browser keeps inputs when somebody goes back, and fills them after this script ran.
    window.addEventListener("pageshow", () => showAskedFor(form));
  };

  // A provider may take seconds to answer a check. The button says that something happens, and a second click sends nothing.
  const sentOnce = (form) => {
    const button = one("button[type=submit]", form);
    let isSent = false;
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented || form.target) return;
      if (isSent) event.preventDefault();
      isSent = true;
      button.setAttribute("aria-busy", "true");
    });
    // The page comes back as it was left.
    window.addEventListener("pageshow", () => {
      isSent = false;
      button.removeAttribute("aria-busy");
    });
  };

  // A pop-up for the way through the provider, opened inside the click, and the wait for its end.
  const popups = (wait) => {
    const start = one("form[data-popup]");
    const where = one("[data-window]");
    if (window.name.startsWith(WINDOW)) where.value = "popup";
    // This is the pop-up already: a form that was shown again with its errors.
    if (!start || window.name.startsWith(WINDOW)) return;
    const problem = one("[data-wait-problem]");
    const sameWindow = one("[data-same-window]");
    const { flow, finished } = wait.dataset;
    let popup = null;
    let timer = 0;
    let inThisWindow = false;

    const open = () => {
      const [width, height] = [520, 720];
      const left = Math.max(0, window.screenX + (window.outerWidth - width) / 2);
      const top = Math.max(0, window.screenY + (window.outerHeight - height) / 2);
      popup = window.open("about:blank", WINDOW + flow, `popup,width=${width},height=${height},left=${left},top=${top}`);
      return popup !== null && !popup.closed;
    };
    const end = () => {
      window.clearInterval(timer);
      wait.hidden = true;
      start.hidden = false;
      start.removeAttribute("target");
    };
    const show = (outcome, title, text) => {
      const known = one(`template[data-problem="${CSS.escape(outcome)}"]`) ?? one('template[data-problem="other"]');
      one("[data-problem-title]").textContent = title || known.dataset.title;
      one("[data-problem-text]").textContent = text || known.dataset.text;
      problem.hidden = false;
      sameWindow.hidden = outcome !== "blocked" && outcome !== "closed_early";
      problem.focus();
    };
    const begin = () => {
      problem.hidden = true;
      sameWindow.hidden = true;
      wait.hidden = false;
      start.hidden = true;
      one("#wait-title").focus();
      timer = window.setInterval(() => {
        if (!popup.closed) return;
        window.clearInterval(timer);
        // Its last message may be on the way. A provider that cuts the tie to this page looks like a closed window too, so
        // the page keeps listening.
        window.setTimeout(() => {
          if (wait.hidden) return;
          end();
          show("closed_early");
        }, 1000);
      }, 400);
    };

    start.addEventListener("submit", (event) => {
      if (event.defaultPrevented || inThisWindow) return;
      if (!open()) {
        event.preventDefault();
        show("blocked");
        return;
      }
      start.target = WINDOW + flow;
      // So that the page at the end is one that tells this page, and not the application's.
      where.value = "popup";
      // After the form was sent, which needs it to be there.
      window.setTimeout(begin, 0);
    });
    one("button", sameWindow).addEventListener("click", () => {
      inThisWindow = true;
      where.value = "same";
      start.requestSubmit();
    });
    one("[data-wait-focus]").addEventListener("click", () => popup?.focus());
    one("[data-wait-cancel]").addEventListener("click", () => {
      popup?.close();
      end();
      one("button", start).focus();
    });

    const hear = ({ data }) => {
      if (data?.source !== SOURCE || data.flow !== flow) return;
      if (data.success) {
        window.location.assign(finished);
        return;
      }
      end();
      show(data.outcome, data.title, data.text);
    };
    window.addEventListener("message", (event) => {
      if (event.origin === window.location.origin) hear(event);
    });
    // The way around a provider that cuts the tie between the windows.
    const channel = new BroadcastChannel(SOURCE);
    channel.addEventListener("message", (event) => {
      if (event.data?.source !== SOURCE || event.data.flow !== flow) return;
      channel.postMessage({ source: SOURCE, heard: flow });
      hear(event);
    });
  };

  // The page at the end tells the page that opened it.
  const done = (page) => {
    const { outcome, flow, openerOrigin, credentialId } = page.dataset;
    const isPopup = window.name.startsWith(WINDOW);
    const buttons = all("[data-close-window]", page);
    for (const button of buttons) button.addEventListener("click", () => window.close());
    const closable = () => {
      for (const each of [...all("[data-can-close]", page), ...buttons]) each.hidden = false;
      if (flow && "close" in page.dataset) window.close();
    };
    if (flow) {
      const title = one("[data-done-title]", page).textContent.trim();
      const text = (one("[data-done-text] p", page)?.textContent ?? "").trim();
      const message = { source: SOURCE, flow, outcome, success: "success" in page.dataset, title, text };
      window.opener?.postMessage(message, window.location.origin);
      const channel = new BroadcastChannel(SOURCE);
      channel.postMessage(message);
      // Somebody waited, even if the provider cut the tie and took this window's name.
      channel.addEventListener("message", ({ data }) => {
        if (data?.source === SOURCE && data.heard === flow) closable();
      });
    }
    // The opener of the pop-up is a page of ours, which tells the application itself.
    if (openerOrigin && !isPopup) {
      const message = { source: SOURCE, outcome, flow: flow ?? null, credentialId: credentialId ?? null };
      window.opener?.postMessage(message, openerOrigin);
      if (window.parent !== window) window.parent.postMessage(message, openerOrigin);
    }
    if (window.opener || isPopup) closable();
  };

  // The list gets shorter while somebody types.
  const search = (input) => {
    // The server left some out already: then it searches on.
    if (input.value !== "") return;
    const list = one(input.dataset.search);
    const items = all("li", list);
    const [count, empty] = [one("[data-count]"), one("[data-empty]")];
    if (items.length === 0) return;
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of items) item.hidden = !words.every((word) => item.dataset.text.includes(word));
      const shown = items.filter((item) => !item.hidden).length;
      count.textContent = shown === 1 ? count.dataset.textOne : count.dataset.textMany.replace("#", shown);
      list.hidden = shown === 0;
      empty.hidden = shown !== 0;
    });
    input.form.addEventListener("submit", (event) => {
      const shown = items.filter((item) => !item.hidden);
      if (shown.length !== 1) return;
      event.preventDefault();
      one("a", shown[0]).click();
    });
  };

  // A menu closes when somebody turns away from it.
  const menus = (list) => {
    const close = (menu) => menu.removeAttribute("open");
    document.addEventListener("click", (event) => list.filter((menu) => !menu.contains(event.target)).forEach(close));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      for (const menu of list.filter((each) => each.open)) {
        close(menu);
        one("summary", menu).focus();
      }
    });
  };

  all(".reveal").forEach(reveal);
  all("form[data-form]").forEach(checked);
  all("[data-wait]").forEach(popups);
  all("form[method=post]").forEach(sentOnce);
  all("[data-done]").forEach(done);
  all("[data-search]").forEach(search);
  menus(all("[data-menu]"));
  one("[data-focus]")?.focus();
})();
