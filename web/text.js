// SPDX-License-Identifier: Apache-2.0
// Texts of the pages in English and Chinese. Elements name theirs by data-text, data-label
// (aria-label and title) and data-hint (placeholder).
import { remembered, remember } from './session.js';

const TEXTS = {
  en: {
    'app.expert': 'Expert view',
    'app.dashboard': 'Dashboard',
    'login.title': 'Join the console',
    'login.token': 'Access token',
    'login.hint': 'at least 16 characters',
    'login.why': 'The operator gives you the token. It stays in this tab and is gone when you '
      + 'close it.',
    'login.enter': 'Join',
    'login.short': 'A token has at least 16 characters.',
    'state.idle': 'not connected',
    'state.connecting': 'connecting',
    'state.live': 'live',
    'state.waiting': 'reconnecting in {seconds} s',
    'state.denied': 'token not accepted',
    'state.forbidden': 'not allowed',
    'state.full': 'no place free, again in {seconds} s',
    'state.no-video': 'no picture for {seconds} s',
    'state.unsupported': 'this browser cannot show the video',
    'curtain.connecting': 'Connecting to the console',
    'curtain.connecting.more': 'Video and findings start by themselves.',
    'curtain.waiting': 'The connection is lost',
    'curtain.waiting.more': 'It is tried again by itself. Nothing you drew is lost.',
    'curtain.denied': 'This token is not accepted',
    'curtain.denied.more': 'Ask the operator for a new one, or check that it was copied whole.',
    'curtain.forbidden': 'This token may not see the picture',
    'curtain.forbidden.more': 'Seeing and drawing needs the role of an expert.',
    'curtain.full': 'All places for viewers are taken',
    'curtain.full.more': 'You join by yourself as soon as one is free.',
    'curtain.no-video': 'No picture arrives',
    'curtain.no-video.more': 'The camera or the network is silent. What you see is old.',
    'curtain.unsupported': 'This browser cannot show the video',
    'curtain.unsupported.more': 'H.264 over WebRTC is needed: Chromium, Edge, Safari or Firefox.',
    'curtain.again': 'Try now',
    'curtain.other-token': 'Use another token',
    'privacy.off': 'no privacy guard',
    'privacy.unsure': 'blurred: unsure',
    'privacy.inside': 'inside the body',
    'privacy.outside': 'blurred: out of the body',
    'figure.glass': 'Glass to glass',
    'figure.glass.more': 'from the camera to this screen, 95th percentile, read from the mark in '
      + 'the picture',
    'figure.findings': 'Findings behind',
    'figure.findings.more': 'how much older the findings drawn are than the frame shown, 95th '
      + 'percentile',
    'figure.trip': 'Round trip',
    'figure.rate': 'Frames',
    'view.label': 'View',
    'view.layers': 'Layers',
    'view.burned': 'Burned in',
    'view.burned.more': 'Findings are part of the picture; layers cannot be switched.',
    'leave': 'Leave',
    'help': 'Keys',
    'tools': 'Drawing tools',
    'tool.point': 'Point',
    'tool.stroke': 'Draw',
    'tool.arrow': 'Arrow',
    'tool.text': 'Text',
    'tool.undo': 'Erase last',
    'tool.clear': 'Erase mine',
    'tool.text.hint': 'Text, then Enter',
    'picture': 'Live picture. Arrow keys move the cross, Enter draws at it.',
    'frame': 'frame {id}',
    'frame.unknown': 'frame not known yet',
    'sentence.title': 'Guidance',
    'sentence.none': 'No guidance at the moment.',
    'sentence.new': 'now',
    'sentence.held': 'last said {age} ago',
    'sentence.interrupted': 'signal interrupted, {age}',
    'sentence.ended': 'dismissed',
    'sentence.pick': 'Support this',
    'sentence.picked': 'Supported',
    'sentence.why': 'Why',
    'why.title': 'What it rests on',
    'why.rule': 'Rule',
    'why.unknown': 'not known',
    'why.tier': 'tier {tier}',
    'why.engine': 'Engine',
    'why.none': 'The sentence names no facts.',
    'layers.title': 'Layers',
    'layer.masks': 'Masks',
    'layer.boxes': 'Instruments',
    'layer.landmarks': 'Landmarks',
    'layer.depth': 'Depth',
    'layer.guidance': 'Guidance drawings',
    'layer.marks': 'Marks',
    'layers.none': 'No masks have come yet.',
    'marks.title': 'Marks',
    'marks.none': 'Nobody has drawn anything.',
    'marks.erase': 'Erase the mark of {name}',
    'marks.lost': 'tissue lost',
    'marks.unsure': 'place unsure',
    'marks.you': 'you',
    'mark.point': 'point',
    'mark.stroke': 'drawing',
    'mark.arrow': 'arrow',
    'mark.text': 'text',
    'history.title': 'Said before',
    'history.none': 'Nothing yet.',
    'keys.title': 'Keys',
    'keys.close': 'Close',
    'keys.tools': 'point, draw, arrow, text',
    'keys.cross': 'move the cross (Shift: farther)',
    'keys.enter': 'draw at the cross; the second time ends a drawing or an arrow',
    'keys.escape': 'give up what is being drawn',
    'keys.undo': 'erase last, erase mine',
    'keys.layers': 'masks, instruments, landmarks, depth, guidance, marks',
    'keys.pick': 'support the sentence',
    'keys.why': 'what it rests on',
    'keys.view': 'layers or burned in',
    'keys.full': 'full screen',
    'keys.help': 'this list',
    'full': 'Full screen',
    'language': 'Language',
  },
  zh: {
    'app.expert': '专家视图',
    'app.dashboard': '监控面板',
    'login.title': '加入手术台',
    'login.token': '访问令牌',
    'login.hint': '至少 16 个字符',
    'login.why': '令牌由操作员提供，仅保存在本标签页中，关闭后即消失。',
    'login.enter': '加入',
    'login.short': '令牌至少有 16 个字符。',
    'state.idle': '未连接',
    'state.connecting': '正在连接',
    'state.live': '实时',
    'state.waiting': '{seconds} 秒后重连',
    'state.denied': '令牌无效',
    'state.forbidden': '没有权限',
    'state.full': '没有空位，{seconds} 秒后再试',
    'state.no-video': '{seconds} 秒没有画面',
    'state.unsupported': '此浏览器无法显示视频',
    'curtain.connecting': '正在连接手术台',
    'curtain.connecting.more': '画面和识别结果会自动出现。',
    'curtain.waiting': '连接已断开',
    'curtain.waiting.more': '系统会自动重连，您的标注不会丢失。',
    'curtain.denied': '令牌无效',
    'curtain.denied.more': '请向操作员索取新令牌，或检查是否完整复制。',
    'curtain.forbidden': '此令牌不能观看画面',
    'curtain.forbidden.more': '观看和标注需要专家角色。',
    'curtain.full': '观看人数已满',
    'curtain.full.more': '有空位时会自动加入。',
    'curtain.no-video': '没有收到画面',
    'curtain.no-video.more': '摄像头或网络没有信号，您看到的是旧画面。',
    'curtain.unsupported': '此浏览器无法显示视频',
    'curtain.unsupported.more': '需要支持 H.264 的 WebRTC：Chromium、Edge、Safari 或 Firefox。',
    'curtain.again': '立即重试',
    'curtain.other-token': '更换令牌',
    'privacy.off': '无隐私保护',
    'privacy.unsure': '已模糊：不确定',
    'privacy.inside': '体内',
    'privacy.outside': '已模糊：体外',
    'figure.glass': '端到端延迟',
    'figure.glass.more': '从摄像头到本屏幕，第 95 百分位，由画面中的标记读出',
    'figure.findings': '识别滞后',
    'figure.findings.more': '所绘识别结果比当前画面旧多少，第 95 百分位',
    'figure.trip': '往返时间',
    'figure.rate': '帧率',
    'view.label': '视图',
    'view.layers': '图层',
    'view.burned': '合成画面',
    'view.burned.more': '识别结果已合成到画面中，不能切换图层。',
    'leave': '退出',
    'help': '快捷键',
    'tools': '标注工具',
    'tool.point': '点',
    'tool.stroke': '画线',
    'tool.arrow': '箭头',
    'tool.text': '文字',
    'tool.undo': '撤销',
    'tool.clear': '清除我的标注',
    'tool.text.hint': '输入文字后按回车',
    'picture': '实时画面。方向键移动十字，回车键标注。',
    'frame': '第 {id} 帧',
    'frame.unknown': '帧号未知',
    'sentence.title': '引导',
    'sentence.none': '目前没有引导提示。',
    'sentence.new': '当前',
    'sentence.held': '{age}前的提示',
    'sentence.interrupted': '信号中断，{age}',
    'sentence.ended': '已关闭',
    'sentence.pick': '支持此建议',
    'sentence.picked': '已支持',
    'sentence.why': '依据',
    'why.title': '判断依据',
    'why.rule': '规则',
    'why.unknown': '未知',
    'why.tier': '第 {tier} 级',
    'why.engine': '引擎',
    'why.none': '此提示没有列出事实。',
    'layers.title': '图层',
    'layer.masks': '分割',
    'layer.boxes': '器械',
    'layer.landmarks': '解剖标志点',
    'layer.depth': '深度',
    'layer.guidance': '引导图形',
    'layer.marks': '标注',
    'layers.none': '尚未收到分割结果。',
    'marks.title': '标注',
    'marks.none': '还没有人标注。',
    'marks.erase': '删除{name}的标注',
    'marks.lost': '组织已丢失',
    'marks.unsure': '位置不确定',
    'marks.you': '我',
    'mark.point': '点',
    'mark.stroke': '画线',
    'mark.arrow': '箭头',
    'mark.text': '文字',
    'history.title': '之前的提示',
    'history.none': '暂无。',
    'keys.title': '快捷键',
    'keys.close': '关闭',
    'keys.tools': '点、画线、箭头、文字',
    'keys.cross': '移动十字（Shift：更远）',
    'keys.enter': '在十字处标注；再按一次结束画线或箭头',
    'keys.escape': '放弃当前标注',
    'keys.undo': '撤销、清除我的标注',
    'keys.layers': '分割、器械、标志点、深度、引导、标注',
    'keys.pick': '支持当前提示',
    'keys.why': '判断依据',
    'keys.view': '图层或合成画面',
    'keys.full': '全屏',
    'keys.help': '本列表',
    'full': '全屏',
    'language': '语言',
  },
};

let current = remembered('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');

export const languages = Object.keys(TEXTS);

export function language() {
  return current;
}

export function addTexts(more) {
  for (const code of languages)
    Object.assign(TEXTS[code], more[code]);
}

export function text(key, values = {}) {
  const found = TEXTS[current][key] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

export function translate(root = document) {
  document.documentElement.lang = current === 'zh' ? 'zh-CN' : 'en';
  for (const node of root.querySelectorAll('[data-text]'))
    node.textContent = text(node.dataset.text);
  for (const node of root.querySelectorAll('[data-label]')) {
    node.setAttribute('aria-label', text(node.dataset.label));
    node.title = text(node.dataset.label);
  }
  for (const node of root.querySelectorAll('[data-more]'))
    node.title = text(node.dataset.more);
  for (const node of root.querySelectorAll('[data-hint]'))
    node.placeholder = text(node.dataset.hint);
}

export function setLanguage(code) {
  if (!languages.includes(code))
    return;
  current = code;
  remember('language', code);
  translate();
  document.dispatchEvent(new CustomEvent('language'));
}

// "40 ms", "3 s", "5 min", "2.5 h".
export function duration(ms) {
  if (ms < 1000)
    return `${Math.round(ms)} ms`;
  if (ms < 120e3)
    return current === 'zh' ? `${Math.round(ms / 1000)} 秒` : `${Math.round(ms / 1000)} s`;
  if (ms < 7200e3)
    return `${Math.round(ms / 60e3)} ${current === 'zh' ? '分钟' : 'min'}`;
  return `${(ms / 3600e3).toFixed(1)} ${current === 'zh' ? '小时' : 'h'}`;
}

const NAMES_ZH = {
  'abdominal-wall': '腹壁', liver: '肝脏', gallbladder: '胆囊', fat: '脂肪', bowel: '肠', artery: '动脉',
  'instrument-shaft': '器械杆', 'instrument-wrist': '器械腕', 'instrument-tip': '器械尖端',
  grasper: '抓钳', hook: '电钩', scissors: '剪刀', 'gallbladder-fundus': '胆囊底',
  'gallbladder-neck': '胆囊颈', 'artery-origin': '动脉起点', 'artery-insertion': '动脉入点',
  'out-of-body': '体外', bleeding: '出血',
};

// What a network calls a thing, for people.
export function nameText(name) {
  return (current === 'zh' && NAMES_ZH[name]) || name.replaceAll('-', ' ');
}
